// Stands for libnd4jcpu.so at link time, so that the build needs no nd4j: only its name (SONAME) is used. The dynamic
// linker then takes the library of that name that ND4J has loaded.
typedef int dl4jmemory_nd4j_stub;
