//! SM3 over covers: lists are refused or sound, and sum g^2 <= nu_II <= nu_I.
#![no_main]

use arbitrary::{Arbitrary, Result, Unstructured};
use libfuzzer_sys::fuzz_target;
use shampoo_core::diagonal::Gradient;
use shampoo_core::diagonal::cover::{AxisCover, Cover, ListCover};
use shampoo_core::diagonal::sm3::{Sm3, Variant, scratch_len_of};
use shampoo_core::kernel::Portable;
use shampoo_fuzz::numbers::all_bits;
use shampoo_fuzz::settings::Numbers;

#[derive(Debug)]
struct Case {
    offsets: Vec<usize>,
    ids: Vec<usize>,
    sets: usize,
    sizes: Vec<usize>,
    gradients: Vec<Numbers>,
}

impl<'a> Arbitrary<'a> for Case {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        let sets = usize::from(u8::arbitrary(u)? % 8);
        let (mut offsets, mut ids) = (vec![0], Vec::new());
        for _ in 0..u8::arbitrary(u)? % 80 {
            for _ in 0..1 + u8::arbitrary(u)? % 3 {
                ids.push(usize::from(u8::arbitrary(u)?) % sets.max(1));
            }
            offsets.push(ids.len());
        }
        if u.ratio(1, 4)? {
            let length = offsets.len();
            offsets[usize::from(u8::arbitrary(u)?) % length] = usize::from(u8::arbitrary(u)? % 16);
        }
        if u.ratio(1, 8)? {
            ids.push(usize::arbitrary(u)?);
        }
        let sizes =
            (0..u8::arbitrary(u)? % 4).map(|_| Ok(usize::from(u8::arbitrary(u)? % 6))).collect::<Result<_>>()?;
        Ok(Self { offsets, ids, sets, sizes, gradients: Vec::arbitrary(u)? })
    }
}

fuzz_target!(|case: Case| {
    let sound = case.offsets[0] == 0
        && case.offsets.windows(2).all(|pair| pair[0] < pair[1])
        && case.offsets.last() == Some(&case.ids.len())
        && case.ids.iter().all(|&set| set < case.sets);
    let cover = ListCover::new(&case.offsets, &case.ids, case.sets);
    assert_eq!(cover.is_ok(), sound, "{:?}", cover.map(|_| ()));
    if let Ok(cover) = cover {
        laws(&cover, &case.gradients);
    }
    let axes = AxisCover::new(&case.sizes);
    let found = laws(&axes, &case.gradients);
    // The same sets, listed.
    let (mut offsets, mut ids) = (vec![0], Vec::new());
    for entry in 0..axes.entries() {
        let (mut rest, mut last) = (entry, case.sizes.iter().sum::<usize>());
        for &d in case.sizes.iter().rev() {
            last -= d;
            ids.push(last + rest % d);
            rest /= d;
        }
        if case.sizes.is_empty() {
            ids.push(0);
        }
        offsets.push(ids.len());
    }
    let listed = ListCover::new(&offsets, &ids, axes.sets()).expect("the sets of the axes");
    let right = laws(&listed, &case.gradients);
    assert!(found.iter().zip(&right).all(|(x, y)| all_bits(x) == all_bits(y)), "{found:?} {right:?}");
});

/// Steps of both variants, and what they keep.
fn laws<C: Cover>(cover: &C, gradients: &[Numbers]) -> Vec<Vec<f64>> {
    let n = cover.entries();
    let mut squares = vec![0.0; n];
    let mut kept = [vec![0.0; cover.sets()], vec![0.0; cover.sets()]];
    let mut steps = Vec::new();
    for gradient in gradients.iter().take(4) {
        let mut g: Vec<f64> = gradient.take(n);
        g.iter_mut().for_each(|x| *x = if x.is_finite() && x.abs() < 1e140 { *x } else { 1.0 });
        squares.iter_mut().zip(&g).for_each(|(s, x)| *s += x * x);
        let mut bounds = Vec::new();
        for (variant, mu) in [Variant::II, Variant::I].into_iter().zip(&mut kept) {
            let (mut out, mut scratch) = (vec![f64::NAN; n], vec![f64::NAN; scratch_len_of(cover)]);
            let sm3 = Sm3 { variant, ..Sm3::PAPER };
            sm3.step(&mut out, Gradient::plain(&g), cover, mu, &mut scratch, &Portable);
            // Each square is in its second moment, so no step is longer than 1.
            let within = |(x, g): (&f64, &f64)| x.abs() <= 1.0 + 1e-9 || g * g < f64::MIN_POSITIVE / f64::EPSILON;
            assert!(out.iter().zip(&g).all(within), "{out:?} of {g:?}");
            assert!(out.iter().zip(&g).all(|(x, g)| x.is_finite() && x * g >= 0.0), "{out:?} of {g:?}");
            let mut nu = vec![f64::NAN; n];
            let run = cover.run_len();
            nu.chunks_mut(run).enumerate().for_each(|(k, nu)| cover.least(mu, k * run, nu));
            bounds.push(nu);
            steps.push(out);
        }
        let below = |x: &[f64], y: &[f64]| x.iter().zip(y).all(|(x, y)| *x <= y * (1.0 + 1e-12));
        assert!(below(&squares, &bounds[0]) && below(&bounds[0], &bounds[1]), "{squares:?} {bounds:?}");
    }
    steps
}
