@ Sixteen sums in the registers of a Cortex-M4F, see block.rs: four rows of A times four rows of B. The sums are in s16 to s31,
@ row by row. Two k at a time: of A in s0 to s7, of B in s8 to s15, in pairs of the same line or in fours of the same k.

.syntax unified
.fpu fpv4-sp-d16

@ The argument is a Block in r0. Then A is in r1, B in r2, their strides in r3 and r8, the depth in r12.
.macro enter name
.section .text.\name, "ax", %progbits
.p2align 2
.thumb
.global \name
.type \name, %function
.thumb_func
\name:
    push {r4-r10, lr}
    vpush {s16-s31}
    ldrd r4, r5, [r0, #20]
    vldmia r4, {s16-s19}
    add r4, r4, r5
    vldmia r4, {s20-s23}
    add r4, r4, r5
    vldmia r4, {s24-s27}
    add r4, r4, r5
    vldmia r4, {s28-s31}
    ldrd r1, r2, [r0]
    ldrd r3, r8, [r0, #8]
    ldr r12, [r0, #16]
.endm

.macro leave name
    vpop {s16-s31}
    pop {r4-r10, pc}
.size \name, . - \name
.endm

@ The block, and its mirror image where there is a place for it.
.macro store_all
    ldrd r1, r2, [r0, #28]
    vstmia r1, {s16-s19}
    add r1, r1, r2
    vstmia r1, {s20-s23}
    add r1, r1, r2
    vstmia r1, {s24-s27}
    add r1, r1, r2
    vstmia r1, {s28-s31}
    ldr r1, [r0, #36]
    cbz r1, 2f
    store_column s16 s20 s24 s28
    add r1, r1, r2
    store_column s17 s21 s25 s29
    add r1, r1, r2
    store_column s18 s22 s26 s30
    add r1, r1, r2
    store_column s19 s23 s27 s31
2:
.endm

.macro store_column p q r s
    vstr \p, [r1]
    vstr \q, [r1, #4]
    vstr \r, [r1, #8]
    vstr \s, [r1, #12]
.endm

@ Up to the diagonal, and the mirror image of that.
.macro store_lower
    ldrd r1, r2, [r0, #28]
    vstr s16, [r1]
    add r1, r1, r2
    vstmia r1, {s20, s21}
    add r1, r1, r2
    vstmia r1, {s24-s26}
    add r1, r1, r2
    vstmia r1, {s28-s31}
    ldr r1, [r0, #36]
    cbz r1, 2f
    vstr s20, [r1, #4]
    vstr s24, [r1, #8]
    vstr s28, [r1, #12]
    add r1, r1, r2
    vstr s25, [r1, #8]
    vstr s29, [r1, #12]
    add r1, r1, r2
    vstr s30, [r1, #12]
2:
.endm

@ The products of one k.
.macro multiply_all a0 a1 a2 a3 b0 b1 b2 b3
    vmla.f32 s16, \a0, \b0
    vmla.f32 s17, \a0, \b1
    vmla.f32 s18, \a0, \b2
    vmla.f32 s19, \a0, \b3
    vmla.f32 s20, \a1, \b0
    vmla.f32 s21, \a1, \b1
    vmla.f32 s22, \a1, \b2
    vmla.f32 s23, \a1, \b3
    vmla.f32 s24, \a2, \b0
    vmla.f32 s25, \a2, \b1
    vmla.f32 s26, \a2, \b2
    vmla.f32 s27, \a2, \b3
    vmla.f32 s28, \a3, \b0
    vmla.f32 s29, \a3, \b1
    vmla.f32 s30, \a3, \b2
    vmla.f32 s31, \a3, \b3
.endm

.macro multiply_lower a0 a1 a2 a3 b0 b1 b2 b3
    vmla.f32 s16, \a0, \b0
    vmla.f32 s20, \a1, \b0
    vmla.f32 s21, \a1, \b1
    vmla.f32 s24, \a2, \b0
    vmla.f32 s25, \a2, \b1
    vmla.f32 s26, \a2, \b2
    vmla.f32 s28, \a3, \b0
    vmla.f32 s29, \a3, \b1
    vmla.f32 s30, \a3, \b2
    vmla.f32 s31, \a3, \b3
.endm

@ Where the lines after the first one begin.
.macro lines stride first second third fourth
    add \second, \first, \stride
    add \third, \second, \stride
    add \fourth, \third, \stride
.endm

.macro load_along p q r s x0 x1 x2 x3 x4 x5 x6 x7
    vldmia \p!, {\x0, \x1}
    vldmia \q!, {\x2, \x3}
    vldmia \r!, {\x4, \x5}
    vldmia \s!, {\x6, \x7}
.endm

.macro load_across p stride x0 x1 x2 x3 x4 x5 x6 x7
    vldmia \p, {\x0, \x1, \x2, \x3}
    add \p, \p, \stride
    vldmia \p, {\x4, \x5, \x6, \x7}
    add \p, \p, \stride
.endm

@ Of both the numbers of a line lie side by side.
.macro along_along name part
    enter \name
    lines r3 r1 r4 r5 r6
    lines r8 r2 r7 r9 r10
1:
.rept 2
    load_along r1 r4 r5 r6 s0 s1 s2 s3 s4 s5 s6 s7
    load_along r2 r7 r9 r10 s8 s9 s10 s11 s12 s13 s14 s15
    multiply_\part s0 s2 s4 s6 s8 s10 s12 s14
    multiply_\part s1 s3 s5 s7 s9 s11 s13 s15
.endr
    subs r12, r12, #4
    bne 1b
    store_\part
    leave \name
.endm

@ Of A those of a line, of B those of a k.
.macro along_across name part
    enter \name
    lines r3 r1 r4 r5 r6
1:
.rept 2
    load_along r1 r4 r5 r6 s0 s1 s2 s3 s4 s5 s6 s7
    load_across r2 r8 s8 s9 s10 s11 s12 s13 s14 s15
    multiply_\part s0 s2 s4 s6 s8 s9 s10 s11
    multiply_\part s1 s3 s5 s7 s12 s13 s14 s15
.endr
    subs r12, r12, #4
    bne 1b
    store_\part
    leave \name
.endm

@ Of both those of a k.
.macro across_across name part
    enter \name
1:
.rept 2
    load_across r1 r3 s0 s1 s2 s3 s4 s5 s6 s7
    load_across r2 r8 s8 s9 s10 s11 s12 s13 s14 s15
    multiply_\part s0 s1 s2 s3 s8 s9 s10 s11
    multiply_\part s4 s5 s6 s7 s12 s13 s14 s15
.endr
    subs r12, r12, #4
    bne 1b
    store_\part
    leave \name
.endm

along_along shampoo_along_along all
along_along shampoo_along_along_lower lower
along_across shampoo_along_across all
across_across shampoo_across_across all
across_across shampoo_across_across_lower lower
.text
