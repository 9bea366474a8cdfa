package io.github.dl4jmemory.testkit;

import static com.tngtech.archunit.base.DescribedPredicate.describe;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.fields;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.Architectures.layeredArchitecture;

import com.tngtech.archunit.base.DescribedPredicate;
import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaField;
import com.tngtech.archunit.core.domain.JavaModifier;
import com.tngtech.archunit.junit.ArchTest;
import com.tngtech.archunit.lang.ArchCondition;
import com.tngtech.archunit.lang.ArchRule;
import com.tngtech.archunit.lang.ConditionEvents;
import com.tngtech.archunit.lang.SimpleConditionEvent;
import java.util.Collection;
import java.util.Map;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Disabled;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * What holds for the classes of every module. A module checks itself with a test class of three
 * lines, see {@code ArchitectureTest}.
 */
public final class ArchitectureRules {

  private ArchitectureRules() {}

  /** A module uses only the modules below it. */
  @ArchTest
  static final ArchRule MODULES_POINT_DOWNWARDS =
      layeredArchitecture()
          .consideringOnlyDependenciesInLayers()
          .withOptionalLayers(true)
          .layer("ops")
          .definedBy("io.github.dl4jmemory.ops..")
          .layer("layers")
          .definedBy("io.github.dl4jmemory.layers..")
          .layer("zoo")
          .definedBy("io.github.dl4jmemory.zoo..")
          .layer("tuning")
          .definedBy("io.github.dl4jmemory.tuning..")
          .whereLayer("tuning")
          .mayNotBeAccessedByAnyLayer()
          .whereLayer("zoo")
          .mayOnlyBeAccessedByLayers("tuning")
          .whereLayer("layers")
          .mayOnlyBeAccessedByLayers("zoo", "tuning");

  /** The classes that bind one backend of ND4J are known to custom-ops alone. */
  @ArchTest
  static final ArchRule ONLY_OPS_NAME_A_BACKEND =
      noClasses()
          .that()
          .resideOutsideOfPackage("io.github.dl4jmemory.ops..")
          .should()
          .dependOnClassesThat()
          .resideInAnyPackage("org.nd4j.nativeblas..", "org.nd4j.linalg.cpu..")
          .allowEmptyShould(true);

  /** State belongs to an object: a static field is final and holds nothing that can change. */
  @ArchTest
  static final ArchRule NO_STATIC_MUTABLE_STATE =
      fields()
          .that(describe("are static", field -> isStatic(field) && !isSynthetic(field)))
          .and()
          .areDeclaredInClassesThat(notTests())
          .should(notChange())
          .allowEmptyShould(true);

  /** A test always runs: what it needs is named by a tag, which a profile chooses. */
  @ArchTest
  static final ArchRule TESTS_ARE_NOT_CONDITIONAL =
      noClasses()
          .that()
          .doNotHaveFullyQualifiedName(ArchitectureRules.class.getName())
          .should()
          .dependOnClassesThat(
              describe(
                  "switch tests off",
                  type ->
                      type.isEquivalentTo(Disabled.class)
                          || type.isEquivalentTo(Assumptions.class)
                          || type.getPackageName().equals("org.junit.jupiter.api.condition")))
          .allowEmptyShould(true);

  /** A test waits for what happens, never for time to pass. */
  @ArchTest
  static final ArchRule TESTS_DO_NOT_SLEEP =
      noClasses()
          .that(areTests())
          .should()
          .callMethodWhere(
              describe(
                  "Thread.sleep",
                  call ->
                      call.getTargetOwner().isEquivalentTo(Thread.class)
                          && call.getTarget().getName().equals("sleep")))
          .allowEmptyShould(true);

  private static DescribedPredicate<JavaClass> areTests() {
    return describe(
        "are tests",
        type ->
            type.getSource()
                .map(
                    source ->
                        source.getUri().toString().matches(".*(/test-classes/|-tests\\.jar).*"))
                .orElse(false));
  }

  private static DescribedPredicate<JavaClass> notTests() {
    return DescribedPredicate.not(areTests());
  }

  private static boolean isStatic(JavaField field) {
    return field.getModifiers().contains(JavaModifier.STATIC);
  }

  private static boolean isSynthetic(JavaField field) {
    return field.getModifiers().contains(JavaModifier.SYNTHETIC);
  }

  private static ArchCondition<JavaField> notChange() {
    return new ArchCondition<>("be final and hold nothing that can change") {
      @Override
      public void check(JavaField field, ConditionEvents events) {
        if (!field.getModifiers().contains(JavaModifier.FINAL) || isMutable(field.getRawType())) {
          events.add(SimpleConditionEvent.violated(field, field.getDescription() + " can change"));
        }
      }
    };
  }

  private static boolean isMutable(JavaClass type) {
    return type.isArray()
        || type.isAssignableTo(INDArray.class)
        || type.isAssignableTo(ThreadLocal.class)
        || isConcrete(type, Collection.class)
        || isConcrete(type, Map.class)
        || type.isEquivalentTo(AtomicBoolean.class)
        || type.isEquivalentTo(AtomicInteger.class)
        || type.isEquivalentTo(AtomicLong.class)
        || type.isEquivalentTo(AtomicReference.class);
  }

  /** {@code List} may be {@code List.of(..)}, {@code ArrayList} is not. */
  private static boolean isConcrete(JavaClass type, Class<?> family) {
    return type.isAssignableTo(family) && !type.isInterface();
  }
}
