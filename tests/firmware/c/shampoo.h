/* The Shampoo optimizer for C programs, with or without an operating system: one object for all the layers of a network.
 *
 *     static _Alignas(SHAMPOO_ALIGNMENT) unsigned char memory[72000]; // at least shampoo_len(shapes, 2, &options)
 *     struct shampoo_options options = shampoo_defaults();
 *     struct shampoo_shape shapes[] = {{32, 16}, {4, 32}};
 *     if (shampoo_init(memory, sizeof memory, shapes, 2, &options) != SHAMPOO_ERROR_OK) { ... }
 *     for (;;) {
 *         ...the gradients...
 *         if (shampoo_step(memory, parameters, gradients, 0.004) != SHAMPOO_ERROR_OK) { ...nothing has changed... }
 *         shampoo_tick(memory, flops, NULL); // as often as there is time
 *     }
 *
 * Nothing allocates, waits or panics. The numbers have the same bits on every target, as long as the C program's own do:
 * -ffp-contract=off.
 *
 * No function may be called while another works on the same memory: not by an interrupt, and not by another thread. Only
 * those that take a const memory may be called at the same time as each other. Call shampoo_init() after every reset. */

#ifndef SHAMPOO_H
#define SHAMPOO_H

/* Made by cbindgen: tests/firmware/c/run checks that it is up to date. */

#include <stddef.h>
#include <stdint.h>

// The version of the library that this describes: 10000 times the major, 100 times the minor one, and the patch.
#define SHAMPOO_VERSION 100

// Alignment of the memory in bytes.
#define SHAMPOO_ALIGNMENT 8

// Layers at most.
#define SHAMPOO_MAX_LAYERS 8

// What a function returns. Whatever it is but SHAMPOO_ERROR_OK, nothing has changed.
enum shampoo_error {
    // Done.
    SHAMPOO_ERROR_OK = 0,
    // A pointer is null.
    SHAMPOO_ERROR_NULL,
    // Memory is not at a multiple of 8 bytes, or numbers not at one of their size.
    SHAMPOO_ERROR_MISALIGNED,
    // The buffer is too short.
    SHAMPOO_ERROR_TOO_SMALL,
    // A side is 0, there are no layers or more than SHAMPOO_MAX_LAYERS, or a layer is too large.
    SHAMPOO_ERROR_SHAPE,
    // A setting is out of its range.
    SHAMPOO_ERROR_OPTIONS,
    // The memory is not one that shampoo_init() of this library has filled, or it has been moved since.
    SHAMPOO_ERROR_NOT_INITIALIZED,
    // A gradient, or a parameter that decays, is not finite.
    SHAMPOO_ERROR_NOT_FINITE,
    // A gradient is so large that its squares would overflow.
    SHAMPOO_ERROR_TOO_LARGE,
    // The learning rate is not finite.
    SHAMPOO_ERROR_LEARNING_RATE,
    // No whole image: cut off, or changed by a bit.
    SHAMPOO_ERROR_BROKEN,
    // An image of other layers or other settings.
    SHAMPOO_ERROR_OTHER_SETTINGS,
    // What begins like an image, but one of another version of the library.
    SHAMPOO_ERROR_OTHER_VERSION,
};

// The method that gives a step its length; without preconditioning it is the step.
enum shampoo_graft {
    // The gradient itself.
    SHAMPOO_GRAFT_SGD,
    // Sums of squares.
    SHAMPOO_GRAFT_ADA_GRAD,
    // Averages of squares, corrected for their start.
    SHAMPOO_GRAFT_RMS_PROP,
    // Sums of squares in the memory of rows and columns.
    SHAMPOO_GRAFT_SM3,
};

// Settings of all layers. Fill it by shampoo_defaults() and change what is to be different.
struct shampoo_options {
    // Not 0, as by default: steps are preconditioned. 0: there are no statistics and no roots.
    uint32_t precondition;
    // Not 0, as by default: momentum looks ahead.
    uint32_t nesterov;
    // Sides longer than this are cut into blocks of it, each with its own roots: at least 1, by default 128. Memory of a block
    // grows with its square, time with its cube.
    uint32_t block_size;
    // A factor (each side of each block of a layer has one) gets a new root every so many steps: at least 1, by default 4. One
    // factor's turn comes `delay` steps after another's. So N times `delay`, for N factors of all layers, gives each a turn of
    // its own; with less, some of them share one and some are left out in a period.
    uint32_t precondition_every;
    // Steps from the one whose statistics a root is computed of to the one that uses it, which are the time that ticks have: at
    // least 1, by default 1.
    uint32_t delay;
    // Decay of the statistics: above 0, at most 1, which is a sum, by default 0.9.
    double statistics_beta2;
    // Added to a statistic before its root, relative to its largest eigenvalue: finite, at least 0, by default 1e-6.
    double ridge;
    // The method that gives a step its length, one of shampoo_graft, by default SHAMPOO_GRAFT_RMS_PROP. (An integer: C does
    // not keep to an enumeration.)
    uint32_t graft;
    // Decay of RMSProp's squares: above 0, below 1, by default 0.99. Other methods have none.
    double graft_beta2;
    // Added to the root of the squares: finite, at least 0, by default 1e-10. Not for SGD.
    double graft_epsilon;
    // Momentum of the step: at least 0, where none is kept, below 1, by default 0.9.
    double momentum;
    // Parameters shrink by this times the learning rate in every step: finite, at least 0, by default 0.
    double weight_decay;
};

// The shape of a layer; its parameters and gradients are row-major.
struct shampoo_shape {
    // Rows, at least 1.
    uint32_t rows;
    // Columns, at least 1.
    uint32_t columns;
};

// What became of the inverse roots since shampoo_init() or shampoo_restore().
struct shampoo_roots_found {
    // Found precise enough, and used.
    uint32_t accepted;
    // Refused: the one before stays in use.
    uint32_t rejected;
};

// Where images are, of two places that are written in turns.
struct shampoo_places_found {
    // The place, 0 or 1, of the newest whole image; -1 where there is none.
    int32_t newest;
    // The place for the next one.
    int32_t next;
    // Its number.
    uint32_t number;
};

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

// The settings to begin with: Shampoo with the length of RMSProp's step.
struct shampoo_options shampoo_defaults(void);

// Bytes of memory for layers of these shapes; 0 where shampoo_init() would refuse them. They depend on the size of pointers
// too, so a computer's are more than a microcontroller's.
//
// Requires: `shapes` points to so many shapes, `options` to settings.
size_t shampoo_len(const struct shampoo_shape *shapes,
                   size_t layers,
                   const struct shampoo_options *options);

// Begins anew in this memory, which belongs to the optimizer until it is not used any more, and must stay where it is. It
// begins at a multiple of SHAMPOO_ALIGNMENT bytes and has at least shampoo_len() of them; more are left alone. To be called
// after every reset, even where memory outlives it.
//
// Requires: `memory` points to so many bytes that nobody else uses, `shapes` to so many shapes, `options` to settings.
enum shampoo_error shampoo_init(void *memory,
                                size_t bytes,
                                const struct shampoo_shape *shapes,
                                size_t layers,
                                const struct shampoo_options *options);

// One step of all layers, which is added to their parameters. What ticks have left of a root that is due is done first.
//
// Requires: `memory` is one for shampoo_init(); `parameters` and `gradients` point to a pointer for each layer, and these to as many
// numbers as it has. Nothing overlaps.
enum shampoo_error shampoo_step(void *memory,
                                float *const *parameters,
                                const float *const *gradients,
                                double learning_rate);

// Goes on with the root under way as far as so many flops reach. A flop is an addition or a multiplication of floats, a
// division or a square root is 8; they are counted from above. How many of them a processor does in a millisecond is to be
// measured. Parameters depend neither on the budget nor on how many ticks there are.
//
// Requires: `memory` is one for shampoo_init(); `working`, which may be null, receives 1 where there is more to do, else 0.
enum shampoo_error shampoo_tick(void *memory,
                                uint64_t flops,
                                uint32_t *working);

// Flops with which a tick always gets on and never exceeds its budget; 0 for memory that is not initialized.
//
// Requires: `memory` is one for shampoo_init().
uint64_t shampoo_largest_piece(const void *memory);

// Steps taken; 0 for memory that is not initialized.
//
// Requires: `memory` is one for shampoo_init().
uint64_t shampoo_steps(const void *memory);

// What became of the roots: with these settings each is refused or used in the step that is due for it. All 0 for memory
// that is not initialized.
//
// Requires: `memory` is one for shampoo_init().
struct shampoo_roots_found shampoo_roots(const void *memory);

// Bytes of an image at most; 0 for memory that is not initialized.
//
// Requires: `memory` is one for shampoo_init().
size_t shampoo_image_len(const void *memory);

// Writes everything that the next step depends on, parameters and all, and its length.
//
// Requires: `memory` and `parameters` as for shampoo_step(), `image` points to so many bytes, `length` to a number or is null.
enum shampoo_error shampoo_save(const void *memory,
                                const float *const *parameters,
                                uint32_t number,
                                uint8_t *image,
                                size_t bytes,
                                size_t *length);

// Puts back what shampoo_save() has written for the same layers and settings: the next steps have the same bits.
//
// Requires: `memory` and `parameters` as for shampoo_step(), `image` points to so many bytes; what follows the image is not looked at.
enum shampoo_error shampoo_restore(void *memory,
                                   float *const *parameters,
                                   const uint8_t *image,
                                   size_t bytes);

// Looks at two places of so many bytes for images. A save goes to `next` with `number`, so that one that is cut off leaves
// the image before it whole.
//
// Requires: Each pointer is null or points to so many bytes.
struct shampoo_places_found shampoo_places(const uint8_t *first,
                                           const uint8_t *second,
                                           size_t bytes);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* SHAMPOO_H */
