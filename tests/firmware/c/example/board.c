/* A Cortex-M4F without an operating system: vectors, memory, floating point, and output by the debugger's calls
 * (Arm Semihosting 2.0: SYS_WRITE0 is 0x04, SYS_EXIT_EXTENDED 0x20), which QEMU answers. */
#include "board.h"
#include <stddef.h>

extern uint32_t stack_top, data_start, data_end, data_load, bss_start, bss_end;

int main(void);
void reset(void);
static void fault(void);

__attribute__((section(".vectors"), used)) static void (*const vectors[])(void) = {
    (void (*)(void))&stack_top, reset, fault, fault, fault, fault, fault,
};

static void debugger(uint32_t call, const void *argument) {
    register uint32_t r0 __asm__("r0") = call;
    register const void *r1 __asm__("r1") = argument;
    __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
}

static _Noreturn void leave(uint32_t status) {
    /* ADP_Stopped_ApplicationExit. */
    const uint32_t block[] = {0x20026, status};
    debugger(0x20, block);
    for (;;) {
    }
}

static void fault(void) { leave(101); }

void print(const char *text) { debugger(0x04, text); }

void reset(void) {
    /* CPACR: full access to the coprocessors 10 and 11, the floating-point unit. */
    *(volatile uint32_t *)0xE000ED88 |= 0xFu << 20;
    __asm__ volatile("dsb\n\tisb");
    for (uint32_t *to = &data_start, *from = &data_load; to < &data_end; to++, from++) {
        *to = *from;
    }
    for (uint32_t *to = &bss_start; to < &bss_end; to++) {
        *to = 0;
    }
    leave((uint32_t)main());
}
