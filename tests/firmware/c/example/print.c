#include "board.h"

void print_number(uint32_t number) {
    char text[11];
    char *end = text + sizeof text - 1;
    *end = '\0';
    do {
        *--end = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    print(end);
}

void print_bits(uint32_t bits) {
    char text[9];
    for (int i = 0; i < 8; i++) {
        text[i] = "0123456789abcdef"[bits >> (28 - 4 * i) & 15];
    }
    text[8] = '\0';
    print(text);
}
