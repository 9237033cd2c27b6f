//! SM3 over covers: lists are refused or sound, and sum g^2 <= nu_II <= nu_I.
#![no_main]

use arbitrary::{Arbitrary, Result, Unstructured};
use libfuzzer_sys::fuzz_target;
use shampoo_core::diagonal::Gradient;
use shampoo_core::diagonal::cover::{AxisCover, Cover, ListCover};
use shampoo_core::diagonal::sm3::{Sm3, Variant, scratch_len_of};
use shampoo_core::graft::Graft;
use shampoo_core::kernel::Portable;
use shampoo_core::scalar::{Real, Stored};
use shampoo_core::statistics::Averaging;
use shampoo_fuzz::numbers::{Bits, all_bits};
use shampoo_fuzz::settings::{Numbers, averaging, figure};

#[derive(Debug)]
struct Case {
    offsets: Vec<usize>,
    ids: Vec<usize>,
    sets: usize,
    sizes: Vec<usize>,
    averaging: Averaging,
    epsilon: f64,
    single: bool,
    numerator: Numbers,
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
        let (averaging, epsilon) = (averaging(u)?, figure(u)?);
        let (single, numerator) = (bool::arbitrary(u)?, Numbers::arbitrary(u)?);
        Ok(Self { offsets, ids, sets, sizes, averaging, epsilon, single, numerator, gradients: Vec::arbitrary(u)? })
    }
}

fuzz_target!(|case: Case| if case.single { run::<f32>(&case) } else { run::<f64>(&case) });

fn run<T: Real + Bits + Stored<T>>(case: &Case) {
    let sound = case.offsets[0] == 0
        && case.offsets.windows(2).all(|pair| pair[0] < pair[1])
        && case.offsets.last() == Some(&case.ids.len())
        && case.ids.iter().all(|&set| set < case.sets);
    let cover = ListCover::new(&case.offsets, &case.ids, case.sets);
    assert_eq!(cover.is_ok(), sound, "{:?}", cover.map(|_| ()));
    let Case { averaging, epsilon, .. } = *case;
    if (Graft::Sm3 { variant: Variant::II, averaging, epsilon }).validate::<T>().is_err() {
        return;
    }
    if let Ok(cover) = cover {
        laws::<T, _>(&cover, case);
    }
    let axes = AxisCover::new(&case.sizes);
    let found = laws::<T, _>(&axes, case);
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
    let right = laws::<T, _>(&listed, case);
    assert!(found.iter().zip(&right).all(|(x, y)| all_bits(x) == all_bits(y)), "{found:?} {right:?}");
}

/// Steps of both variants, and what they keep.
fn laws<T: Real + Bits, C: Cover>(cover: &C, case: &Case) -> Vec<Vec<T>> {
    let n = cover.entries();
    let Case { averaging, epsilon, .. } = *case;
    // A decay may be too small for the type, which forgets at once then.
    let (decay, weight) = (T::from_f64(averaging.decay()).to_f64(), averaging.weight());
    // Of rounding, and of the end of the range.
    let (slack, least) = (128.0 * T::UNIT_ROUNDOFF.to_f64(), T::MIN_POSITIVE.to_f64() / T::UNIT_ROUNDOFF.to_f64());
    let largest = T::MAX.to_f64().sqrt() / 64.0;
    let held = |x: &T| if x.is_finite() && x.to_f64().abs() < largest { *x } else { T::from_f64(1.0) };
    let mut squares = vec![0.0; n];
    let mut kept = [vec![T::default(); cover.sets()], vec![T::default(); cover.sets()]];
    let mut steps = Vec::new();
    for gradient in case.gradients.iter().take(4) {
        let g: Vec<T> = gradient.take::<T>(n).iter().map(held).collect();
        // At most the gradient, of either sign.
        let h: Vec<T> = case
            .numerator
            .take::<T>(n)
            .iter()
            .zip(&g)
            .map(|(h, g)| held(h).maximum(-g.abs()).minimum(g.abs()))
            .collect();
        squares.iter_mut().zip(&g).for_each(|(s, x)| *s = decay * *s + weight * x.to_f64() * x.to_f64());
        let mut bounds = Vec::new();
        for (variant, mu) in [Variant::II, Variant::I].into_iter().zip(&mut kept) {
            let nan = T::from_f64(f64::NAN);
            let (mut out, mut scratch) = (vec![nan; n], vec![nan; scratch_len_of(cover)]);
            let sm3 = Sm3 { variant, averaging, epsilon };
            sm3.step(&mut out, Gradient { raw: &g, numerator: &h }, cover, mu, &mut scratch, &Portable);
            // Each square is in its second moment, so no step is longer than its weight allows.
            let longest = (1.0 + slack) / weight.sqrt();
            for ((x, g), h) in out.iter().zip(&g).zip(&h) {
                let (x, g, h) = (x.to_f64(), g.to_f64(), h.to_f64());
                assert!(x.is_finite() && x * h >= 0.0, "{out:?} of {g:?} and {h:?}");
                assert!(x.abs() <= longest || weight * g * g < least, "{out:?} of {g:?} and {h:?}");
            }
            let mut nu = vec![nan; n];
            let run = cover.run_len();
            nu.chunks_mut(run).enumerate().for_each(|(k, nu)| cover.least(mu, k * run, nu));
            bounds.push(nu.iter().map(|x| x.to_f64()).collect::<Vec<_>>());
            steps.push(out);
        }
        let below = |x: &[f64], y: &[f64]| x.iter().zip(y).all(|(x, y)| *x <= y * (1.0 + slack) + least);
        assert!(below(&squares, &bounds[0]) && below(&bounds[0], &bounds[1]), "{squares:?} {bounds:?}");
    }
    steps
}
