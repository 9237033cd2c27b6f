/* What the programs need of the machine. */
#ifndef BOARD_H
#define BOARD_H

#include <stdint.h>

void print(const char *text);
void print_number(uint32_t number);
/* Eight hexadecimal digits. */
void print_bits(uint32_t bits);

/* Of libm by way of the library: there is no C library. */
float sinf(float x);
float tanhf(float x);
float expf(float x);
float logf(float x);

#endif
