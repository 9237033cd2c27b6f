//! Symmetric matrices as packed triangles.

use crate::numbers::Number;
use arbitrary::{Arbitrary, Result, Unstructured};

/// Largest order.
pub const MAX_ORDER: usize = 12;

/// A packed lower triangle, of a kind that roots meet or one that they should survive.
#[derive(Clone, Debug)]
pub struct Symmetric {
    /// Rows and columns.
    pub n: usize,
    /// Row i holds the entries (i, 0) to (i, i).
    pub triangle: Vec<f64>,
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Kind {
    /// Any entries.
    Raw,
    /// Small integers: ties, exact cancellation, indefinite matrices.
    Integers,
    /// Given eigenvalues, small rotations.
    Spectrum,
    /// A sum of few outer products.
    LowRank,
    /// D B D with powers of two in D.
    Graded,
    /// Eigenvalues in a geometric series.
    Geometric,
    /// Small integers times the smallest number.
    Subnormal,
    /// Entries near the largest number.
    Huge,
}

impl<'a> Arbitrary<'a> for Symmetric {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        let n = usize::from(u8::arbitrary(u)?) % (MAX_ORDER + 1);
        let kind = Kind::arbitrary(u)?;
        let mut full = vec![0.0; n * n];
        match kind {
            Kind::Raw => fill(&mut full, || Ok(Number::arbitrary(u)?.value()))?,
            Kind::Integers => fill(&mut full, || Ok(f64::from(i8::arbitrary(u)?)))?,
            Kind::Spectrum => {
                for i in 0..n {
                    full[i * n + i] = Number::Scaled(i8::arbitrary(u)?, i8::arbitrary(u)?).value();
                }
                rotate(&mut full, n, u)?;
            }
            Kind::Geometric => {
                let octaves = f64::from(i8::arbitrary(u)?) / 16.0;
                for i in 0..n {
                    full[i * n + i] = (octaves * i as f64).exp2();
                }
                rotate(&mut full, n, u)?;
            }
            Kind::LowRank => {
                for _ in 0..u8::arbitrary(u)? % 4 {
                    let mut x = vec![0.0; n];
                    fill(&mut x, || Ok(f64::from(i8::arbitrary(u)?) / 8.0))?;
                    full.iter_mut().enumerate().for_each(|(k, a)| *a += x[k / n] * x[k % n]);
                }
            }
            Kind::Graded => {
                let mut weights = vec![0.0; n];
                fill(&mut weights, || Ok(f64::from(i8::arbitrary(u)? / 4).exp2()))?;
                let off = f64::from(u8::arbitrary(u)?) / 256.0;
                for (k, a) in full.iter_mut().enumerate() {
                    let (i, j) = (k / n, k % n);
                    *a = weights[i] * weights[j] * if i == j { 1.0 } else { off };
                }
            }
            Kind::Subnormal => {
                let unit = if bool::arbitrary(u)? { f32::from_bits(1).into() } else { f64::from_bits(1) };
                fill(&mut full, || Ok(f64::from(i8::arbitrary(u)?) * unit))?;
            }
            Kind::Huge => {
                let top = if bool::arbitrary(u)? { f32::MAX.into() } else { f64::MAX };
                fill(&mut full, || Ok(f64::from(i8::arbitrary(u)?) / 127.0 * top))?;
            }
        }
        if u.ratio(1, 4)? {
            let scale = f64::from(i16::arbitrary(u)? % 1060).exp2();
            full.iter_mut().for_each(|a| *a *= scale);
        }
        let triangle = (0..n).flat_map(|i| full[i * n..=i * n + i].iter().copied()).collect();
        Ok(Self { n, triangle })
    }
}

fn fill(to: &mut [f64], mut next: impl FnMut() -> Result<f64>) -> Result<()> {
    to.iter_mut().try_for_each(|x| {
        *x = next()?;
        Ok(())
    })
}

/// Similarity by up to 2 n plane rotations.
fn rotate(full: &mut [f64], n: usize, u: &mut Unstructured) -> Result<()> {
    for _ in 0..usize::from(u8::arbitrary(u)?) % (2 * n + 1) {
        let (p, q) = (usize::from(u8::arbitrary(u)?) % n, usize::from(u8::arbitrary(u)?) % n);
        if p == q {
            continue;
        }
        let (s, c) = (f64::from(i8::arbitrary(u)?) / 40.0).sin_cos();
        for k in 0..n {
            let (x, y) = (full[p * n + k], full[q * n + k]);
            (full[p * n + k], full[q * n + k]) = (c * x - s * y, s * x + c * y);
        }
        for k in 0..n {
            let (x, y) = (full[k * n + p], full[k * n + q]);
            (full[k * n + p], full[k * n + q]) = (c * x - s * y, s * x + c * y);
        }
    }
    Ok(())
}
