@ Passes over rows of numbers for a Cortex-M4F, see passes.rs.

.syntax unified
.fpu fpv4-sp-d16

.macro function name
.section .text.\name, "ax", %progbits
.p2align 2
.thumb
.global \name
.type \name, %function
.thumb_func
\name:
.endm

.macro end name
.size \name, . - \name
.endm

@ y <- alpha x + beta y. y in r0, x in r1, the length, a multiple of four and not 0, in r2, alpha in s0, beta in s1.
function shampoo_axpby
1:
    vldmia r0, {s8-s11}
    vldmia r1!, {s4-s7}
    vmul.f32 s8, s8, s1
    vmul.f32 s9, s9, s1
    vmul.f32 s10, s10, s1
    vmul.f32 s11, s11, s1
    vmla.f32 s8, s4, s0
    vmla.f32 s9, s5, s0
    vmla.f32 s10, s6, s0
    vmla.f32 s11, s7, s0
    vstmia r0!, {s8-s11}
    subs r2, r2, #4
    bne 1b
    bx lr
end shampoo_axpby

@ out <- g / (sqrt(scale v) + eps), 0 where the denominator is 0 or the quotient above the largest number. out in r0, g in
@ r1, v in r2, the length, not 0, in r3, scale in s0, eps in s1, the largest number in s2, 0 in s3.
function shampoo_scale_by_rsqrt
1:
    vldmia r2!, {s4}
    vmul.f32 s4, s4, s0
    vsqrt.f32 s4, s4
    vldmia r1!, {s5}
    vadd.f32 s4, s4, s1
    vdiv.f32 s5, s5, s4
    vcmp.f32 s4, #0
    vmrs APSR_nzcv, fpscr
    vabs.f32 s6, s5
    it eq
    vmoveq.f32 s5, s3
    vcmp.f32 s6, s2
    vmrs APSR_nzcv, fpscr
    it gt
    vmovgt.f32 s5, s3
    vstmia r0!, {s5}
    subs r3, r3, #1
    bne 1b
    bx lr
end shampoo_scale_by_rsqrt

@ Eight products, each in or added to a sum of its own.
.macro eight operation p q r s t u v w
    vldmia r0!, {s0-s7}
    vldmia r1!, {s8-s15}
    \operation\().f32 \p, s0, s8
    \operation\().f32 \q, s1, s9
    \operation\().f32 \r, s2, s10
    \operation\().f32 \s, s3, s11
    \operation\().f32 \t, s4, s12
    \operation\().f32 \u, s5, s13
    \operation\().f32 \v, s6, s14
    \operation\().f32 \w, s7, s15
.endm

@ ((a + e) + (c + g)) + ((b + f) + (d + h)), the order of the portable kernel.
.macro sum to other another a b c d e f g h
    vadd.f32 \to, \a, \e
    vadd.f32 \other, \c, \g
    vadd.f32 \to, \to, \other
    vadd.f32 \other, \b, \f
    vadd.f32 \another, \d, \h
    vadd.f32 \other, \other, \another
    vadd.f32 \to, \to, \other
.endm

@ The sum of x_i y_i in s0. x in r0, y in r1, the length, a multiple of 16 and not 0, in r2. The sums begin with their first
@ products and not with 0: the sign of a 0 may differ, until the caller adds the rest.
function shampoo_dot
    vpush {s16-s31}
    eight vmul s16 s17 s18 s19 s20 s21 s22 s23
    eight vmul s24 s25 s26 s27 s28 s29 s30 s31
    subs r2, r2, #16
    beq 2f
1:
    eight vmla s16 s17 s18 s19 s20 s21 s22 s23
    eight vmla s24 s25 s26 s27 s28 s29 s30 s31
    subs r2, r2, #16
    bne 1b
2:
    sum s0 s1 s2 s16 s17 s18 s19 s20 s21 s22 s23
    sum s3 s1 s2 s24 s25 s26 s27 s28 s29 s30 s31
    vadd.f32 s0, s0, s3
    vpop {s16-s31}
    bx lr
end shampoo_dot
.text
