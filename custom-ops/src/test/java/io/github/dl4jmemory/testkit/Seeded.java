package io.github.dl4jmemory.testkit;

import java.util.Random;
import org.junit.jupiter.api.extension.AfterTestExecutionCallback;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.extension.ParameterContext;
import org.junit.jupiter.api.extension.ParameterResolver;

/**
 * Gives a test method a {@link Random} of a new seed at every run. A test that fails prints its
 * seed; {@code -Dtests.seed=SEED} runs the tests with that seed again. Use: {@code
 * &#64;ExtendWith(Seeded.class)} and a parameter of type Random.
 */
public final class Seeded implements ParameterResolver, AfterTestExecutionCallback {
  /** Name of the system property that fixes the seed. */
  public static final String PROPERTY = "tests.seed";

  private static final ExtensionContext.Namespace NAMESPACE =
      ExtensionContext.Namespace.create(Seeded.class);

  /** Called by JUnit. */
  public Seeded() {}

  @Override
  public boolean supportsParameter(ParameterContext parameter, ExtensionContext test) {
    return parameter.getParameter().getType() == Random.class;
  }

  @Override
  public Object resolveParameter(ParameterContext parameter, ExtensionContext test) {
    return new Random(seed(test));
  }

  @Override
  public void afterTestExecution(ExtensionContext test) {
    if (test.getExecutionException().isPresent()) {
      System.err.println(
          test.getRequiredTestClass().getSimpleName()
              + "."
              + test.getRequiredTestMethod().getName()
              + " failed; again with -D"
              + PROPERTY
              + "="
              + seed(test));
    }
  }

  private static long seed(ExtensionContext test) {
    return test.getStore(NAMESPACE)
        .getOrComputeIfAbsent(
            "seed",
            key -> {
              String fixed = System.getProperty(PROPERTY);
              return fixed == null ? (long) new Random().nextInt() : (Long) Long.parseLong(fixed);
            },
            Long.class);
  }
}
