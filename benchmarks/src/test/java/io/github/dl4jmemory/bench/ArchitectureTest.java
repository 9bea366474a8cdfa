package io.github.dl4jmemory.bench;

import com.tngtech.archunit.junit.AnalyzeClasses;
import com.tngtech.archunit.junit.ArchTest;
import com.tngtech.archunit.junit.ArchTests;
import io.github.dl4jmemory.testkit.ArchitectureRules;

@AnalyzeClasses(packages = "io.github.dl4jmemory")
class ArchitectureTest {
  @ArchTest static final ArchTests RULES = ArchTests.in(ArchitectureRules.class);
}
