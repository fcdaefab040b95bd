/* Declared so that wasm2c's output compiles. Whatever of it a loop really uses, and the core has no
 * instruction for, is missing at link time: the build says so. */
#define NAN __builtin_nanf("")
#define INFINITY __builtin_inff()
#define isnan(x) __builtin_isnan(x)
#define signbit(x) __builtin_signbit(x)
float floorf(float), ceilf(float), truncf(float), nearbyintf(float), sqrtf(float), fabsf(float);
double floor(double), ceil(double), trunc(double), nearbyint(double), sqrt(double), fabs(double);
float copysignf(float, float);
double copysign(double, double);
