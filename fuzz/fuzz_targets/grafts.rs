//! Grafts and pairs of them: finite gradients give finite steps and finite state; a method grafted onto itself is itself.
#![no_main]

use arbitrary::{Arbitrary, Result, Unstructured};
use libfuzzer_sys::fuzz_target;
use shampoo_core::diagonal::Gradient;
use shampoo_core::graft::{AdaGraft, Graft, Input};
use shampoo_core::kernel::Portable;
use shampoo_fuzz::numbers::all_bits;
use shampoo_fuzz::settings::{Numbers, graft};

#[derive(Debug)]
struct Case {
    magnitude: Graft,
    direction: Option<Graft>,
    sizes: Vec<usize>,
    normalized: bool,
    gradients: Vec<Numbers>,
    /// What steps are made of, where it is not the gradient.
    numerator: Option<Numbers>,
    /// Of the gradient's entries at most.
    tame: bool,
    parameter: Numbers,
}

impl<'a> Arbitrary<'a> for Case {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        Ok(Self {
            magnitude: graft(u)?,
            direction: if bool::arbitrary(u)? { Some(graft(u)?) } else { None },
            sizes: (0..u8::arbitrary(u)? % 4).map(|_| Ok(usize::from(u8::arbitrary(u)? % 4))).collect::<Result<_>>()?,
            normalized: bool::arbitrary(u)?,
            parameter: Numbers::arbitrary(u)?,
            tame: bool::arbitrary(u)?,
            numerator: Option::arbitrary(u)?,
            gradients: Vec::arbitrary(u)?,
        })
    }
}

fuzz_target!(|case: Case| {
    let pair = AdaGraft { magnitude: case.magnitude, direction: case.direction.unwrap_or(case.magnitude) };
    if pair.validate::<f32>().is_err() {
        return;
    }
    // As large as a figure of a method may make what it divides by, steps stay finite.
    if let Graft::Lars { beta } = pair.magnitude
        && beta > 1e3
    {
        return;
    }
    if let Graft::Lars { beta } = pair.direction
        && beta > 1e3
    {
        return;
    }
    let numel: usize = case.sizes.iter().product();
    let legal = (f32::MAX / 64.0 / numel.max(1) as f32).sqrt();
    let clean = |x: &mut f32| *x = if x.is_finite() { x.clamp(-legal, legal) } else { 1.0 };
    let mut parameter: Vec<f32> = case.parameter.take(numel);
    parameter.iter_mut().for_each(clean);
    let single = pair.magnitude;
    let (mut own, mut both) = (vec![0.0; single.state_len(&case.sizes)], vec![0.0; pair.state_len(&case.sizes)]);
    for (count, gradient) in (1..=5).zip(&case.gradients) {
        let mut g: Vec<f32> = gradient.take(numel);
        g.iter_mut().for_each(clean);
        let mut h: Vec<f32> = case.numerator.as_ref().map_or(g.clone(), |numbers| numbers.take(numel));
        h.iter_mut().for_each(clean);
        let tame = case.tame || case.numerator.is_none();
        if tame {
            h.iter_mut().zip(&g).for_each(|(h, g)| *h = h.clamp(-g.abs(), g.abs()));
        }
        let before = (all_bits(&g), all_bits(&h));
        let gradient = Gradient { raw: &g, numerator: &h };
        let (normalized, dims) = (case.normalized, &case.sizes[..]);
        let input = Input { gradient, parameter: &parameter, dims, count, normalized };
        let (mut alone, mut out) = (vec![f32::NAN; numel], vec![f32::NAN; numel]);
        let mut scratch = vec![f32::NAN; single.scratch_len(dims, normalized)];
        single.step(&mut alone, &input, &mut own, &mut scratch, &Portable);
        let mut scratch = vec![f32::NAN; pair.scratch_len(dims, normalized)];
        pair.step(&mut out, &input, &mut both, &mut scratch, &Portable);
        assert_eq!((all_bits(&g), all_bits(&h)), before);
        for x in [&own, &both] {
            assert!(x.iter().all(|x| x.is_finite()), "{x:?} of {g:?} and {h:?}");
        }
        // A large numerator over a small second moment leaves the range; only sums of such terms may cancel.
        let summed = [pair.magnitude, pair.direction].iter().any(|m| matches!(m, Graft::FullMatrix { .. }));
        for x in [&alone, &out] {
            let legal = |x: &f32| if tame { x.is_finite() } else { summed || !x.is_nan() };
            assert!(x.iter().all(legal), "{x:?} of {g:?} and {h:?}");
        }
        if case.direction.is_none() {
            assert_eq!(all_bits(&alone), all_bits(&out), "{alone:?} {out:?}");
        }
    }
});
