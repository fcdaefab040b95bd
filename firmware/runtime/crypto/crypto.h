/* The cryptography of an image, in the order in which the parts need each other. */
#include "bytes.h"
#include "sha512.h"
#include "sha256.h"
#include "field25519.h"
#include "scalar25519.h"
#include "ed25519.h"
#include "entropy.h"
