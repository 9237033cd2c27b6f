/* The network of tests/firmware/training and its data, in C: the same operations in the same order. */
#ifndef NETWORK_H
#define NETWORK_H

#include <stddef.h>
#include <stdint.h>

enum { SENSORS = 15, INPUTS = SENSORS + 1, HIDDEN = 32, CLASSES = 4, BATCH = 16 };
enum { FIRST = HIDDEN * INPUTS, SECOND = CLASSES * HIDDEN };

/* Weights of both layers, row-major, and what is derived from a batch. */
struct network {
    float first[FIRST], second[SECOND];
    float first_gradient[FIRST], second_gradient[SECOND];
    float sines[SENSORS], inputs[INPUTS], hidden[HIDDEN], outputs[CLASSES];
    uint32_t random;
};

/* The weights that every training begins with. */
void network_start(struct network *network);
/* Gradients of the next batch; returns its mean loss. */
float network_batch(struct network *network);
/* Mean loss of so many samples that are never trained with. */
float network_held_out(struct network *network, size_t samples);
/* FNV-1a of the bits of the weights. */
uint32_t network_digest(const struct network *network);

#endif
