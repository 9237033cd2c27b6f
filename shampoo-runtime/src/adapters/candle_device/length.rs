//! Magnitudes and norms that stay on the device, as tensors without dimensions.

use candle_core::{DType, Result, Tensor};

/// Largest magnitude; NaN where anything is not finite, which a maximum alone may overlook.
pub(super) fn largest(x: &Tensor) -> Result<Tensor> {
    x.abs()?.max_all()? + (x * 0.0)?.sum_all()?
}

/// The numbers of some pieces divided by the largest magnitude among them, 0 by 1, so that no square leaves the range; and
/// that divisor.
fn scaled(pieces: &[Tensor]) -> Result<(Tensor, Tensor)> {
    let flat = match pieces {
        [one] => one.flatten_all()?,
        _ => Tensor::cat(&pieces.iter().map(Tensor::flatten_all).collect::<Result<Vec<_>>>()?, 0)?,
    };
    let largest = flat.abs()?.max_all()?;
    let is_zero = largest.eq(0.0_f32)?.to_dtype(DType::F32)?;
    let divisor = (largest + is_zero)?;
    Ok((flat.broadcast_div(&divisor)?, divisor))
}

/// ||x|| over all pieces.
pub(super) fn norm(pieces: &[Tensor]) -> Result<Tensor> {
    let (unit, divisor) = scaled(pieces)?;
    unit.sqr()?.sum_all()?.sqrt()? * divisor
}

/// x with this length; 0 stays 0.
pub(super) fn with_length(x: &Tensor, length: f64) -> Result<Tensor> {
    let (unit, _) = scaled(core::slice::from_ref(x))?;
    // At least 1, or x is 0.
    let norm = unit.sqr()?.sum_all()?.sqrt()?.maximum(1.0_f32)?;
    let factor = (norm.recip()? * length)?;
    unit.broadcast_mul(&factor)?.reshape(x.dims())
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;

    fn number(x: Result<Tensor>) -> Result<f32> {
        x?.to_scalar()
    }

    #[test]
    fn norms_do_not_leave_the_range() -> Result<()> {
        for scale in [1.0_f32, 1e-30, 1e30] {
            let x = Tensor::new(&[[3.0 * scale, 0.0], [0.0, 4.0 * scale]], &Device::Cpu)?;
            let y = Tensor::new(&[12.0 * scale], &Device::Cpu)?;
            assert!((number(norm(&[x.clone(), y]))? / scale - 13.0).abs() < 1e-5);
            assert!((number(norm(&[with_length(&x, 2.0)?]))? - 2.0).abs() < 1e-6);
        }
        let zero = Tensor::zeros((2, 2), DType::F32, &Device::Cpu)?;
        assert_eq!((number(norm(core::slice::from_ref(&zero)))?, number(largest(&zero))?), (0.0, 0.0));
        assert_eq!(number(norm(&[with_length(&zero, 2.0)?]))?, 0.0);
        Ok(())
    }

    #[test]
    fn what_is_not_finite_is_seen_wherever_it_stands() -> Result<()> {
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            for place in 0..3 {
                let mut numbers = [1.0, -5.0, 2.0];
                assert_eq!(number(largest(&Tensor::new(&numbers, &Device::Cpu)?))?, 5.0);
                numbers[place] = bad;
                assert!(number(largest(&Tensor::new(&numbers, &Device::Cpu)?))?.is_nan());
            }
        }
        Ok(())
    }
}
