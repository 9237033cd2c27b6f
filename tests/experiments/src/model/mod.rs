//! Networks over candle's tensors. What is slow when candle composes it from single operations is
//! one operation here, with its own backward pass.

pub mod attention;
pub mod autoencoder;
pub mod dense;
mod exponential;
mod kept;
pub mod layer_norm;
pub mod loss;
pub mod next_token;
pub mod transformer;
pub mod weights;

pub use autoencoder::Autoencoder;
pub use transformer::Transformer;

/// The sum of f(a, b) over two rows, in eight partial sums, which the compiler turns into vectors.
fn sum(a: &[f32], b: &[f32], f: impl Fn(f32, f32) -> f32) -> f32 {
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<8>(), b.as_chunks::<8>());
    let mut sums = [0f32; 8];
    for (a, b) in a.iter().zip(b) {
        for (sum, (&a, &b)) in sums.iter_mut().zip(a.iter().zip(b)) {
            *sum += f(a, b);
        }
    }
    let rest: f32 = a_rest.iter().zip(b_rest).map(|(&a, &b)| f(a, b)).sum();
    sums.iter().sum::<f32>() + rest
}

#[cfg(test)]
mod tests {
    use candle_core::backprop::GradStore;
    use candle_core::{Result, Tensor, Var};

    pub(super) fn close(a: &Tensor, b: &Tensor) -> Result<()> {
        let difference = (a - b)?.abs()?.flatten_all()?.max(0)?.to_scalar::<f32>()?;
        assert!(difference < 1e-3, "{difference}");
        Ok(())
    }

    pub(super) fn same_gradients(a: &GradStore, b: &GradStore, vars: &[&Var]) -> Result<()> {
        for var in vars {
            let (Some(a), Some(b)) = (a.get(var), b.get(var)) else {
                panic!("a gradient is missing");
            };
            close(a, b)?;
        }
        Ok(())
    }

    #[test]
    fn sums_take_what_is_left_over() {
        let numbers: Vec<f32> = (1..=19).map(|i| i as f32).collect();
        assert_eq!(super::sum(&numbers, &numbers, |a, b| a * b), 2470.0);
    }
}
