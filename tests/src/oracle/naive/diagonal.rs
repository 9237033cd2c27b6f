//! Diagonal methods over explicit covers: lists of the entries of each set.

use super::linear::{matmul, norm};
use crate::oracle::narrow::decompose;
use crate::oracle::root::Ridge;

/// `v += g^2`; returns `g / (sqrt(v) + epsilon)`.
pub fn adagrad(v: &mut [f64], gradient: &[f64], epsilon: f64) -> Vec<f64> {
    v.iter_mut().zip(gradient).for_each(|(v, g)| *v += g * g);
    divided(gradient, v, epsilon)
}

/// `v <- b2 v + (1 - b2) g^2`, no bias correction; returns `g / (sqrt(v) + epsilon)`.
pub fn rmsprop(v: &mut [f64], gradient: &[f64], beta2: f64, epsilon: f64) -> Vec<f64> {
    let pairs = v.iter_mut().zip(gradient);
    pairs.for_each(|(v, g)| *v = beta2 * *v + (1.0 - beta2) * g * g);
    divided(gradient, v, epsilon)
}

/// `h / (sqrt(v) + epsilon)`, 0 where the denominator is.
pub fn divided(h: &[f64], v: &[f64], epsilon: f64) -> Vec<f64> {
    let ratio = |(h, v): (&f64, &f64)| if v.sqrt() + epsilon == 0.0 { 0.0 } else { h / (v.sqrt() + epsilon) };
    h.iter().zip(v).map(ratio).collect()
}

/// Adam after `count` gradients: averages of `h` and of the squares of `gradient`, both corrected.
pub fn adam(
    [m, v]: [&mut Vec<f64>; 2],
    gradient: &[f64],
    h: &[f64],
    [beta1, beta2, epsilon]: [f64; 3],
    count: i32,
) -> Vec<f64> {
    m.iter_mut().zip(h).for_each(|(m, h)| *m = beta1 * *m + (1.0 - beta1) * h);
    v.iter_mut().zip(gradient).for_each(|(v, g)| *v = beta2 * *v + (1.0 - beta2) * g * g);
    let corrected = |x: &[f64], beta: f64| x.iter().map(|x| x / (1.0 - beta.powi(count))).collect::<Vec<_>>();
    divided(&corrected(m, beta1), &corrected(v, beta2), epsilon)
}

/// LARS: `(h + beta w)` times `||w|| / (||h|| + beta ||w||)`, or times 1 where either norm is 0.
pub fn lars(h: &[f64], weights: &[f64], beta: f64) -> Vec<f64> {
    let (length, own) = (norm(weights), norm(h));
    let trust = if length == 0.0 || own == 0.0 { 1.0 } else { length / (own + beta * length) };
    h.iter().zip(weights).map(|(h, w)| trust * (h + beta * w)).collect()
}

/// Full-matrix AdaGrad: `H += g g^T`; `H^(-1/2) h` under this ridge.
pub fn full_matrix(sum: &mut [f64], gradient: &[f64], h: &[f64], ridge: Ridge) -> Vec<f64> {
    let d = gradient.len();
    sum.iter_mut().enumerate().for_each(|(k, x)| *x += gradient[k / d] * gradient[k % d]);
    if sum.iter().all(|x| *x == 0.0) {
        return vec![0.0; d];
    }
    let root = decompose(d, sum).inverse_root(2, ridge);
    matmul([d, d, 1], &root, h)
}

/// SM3-I: `mu(r) += max over S_r of g^2`; returns `nu(i) = min over r containing i of mu(r)`.
///
/// The step is `quotient(g, sqrt(nu))`.
pub fn sm3_i(mu: &mut [f64], cover: &[Vec<usize>], gradient: &[f64]) -> Vec<f64> {
    for (mu, set) in mu.iter_mut().zip(cover) {
        *mu += largest(set, |i| gradient[i] * gradient[i]);
    }
    smallest(mu, cover, gradient.len())
}

/// SM3-II: `nu(i) = min mu(r) + g(i)^2`, then `mu(r) = max over S_r of nu`; returns `nu`.
pub fn sm3_ii(mu: &mut [f64], cover: &[Vec<usize>], gradient: &[f64]) -> Vec<f64> {
    let mut nu = smallest(mu, cover, gradient.len());
    nu.iter_mut().zip(gradient).for_each(|(nu, g)| *nu += g * g);
    for (mu, set) in mu.iter_mut().zip(cover) {
        *mu = largest(set, |i| nu[i]);
    }
    nu
}

/// [`sm3_i`] or [`sm3_ii`].
pub type Sm3 = fn(&mut [f64], &[Vec<usize>], &[f64]) -> Vec<f64>;

/// Either SM3 with `mu <- decay mu` first and squares times `weight`; returns `nu`.
pub fn sm3_average(
    rule: Sm3,
    mu: &mut [f64],
    cover: &[Vec<usize>],
    gradient: &[f64],
    [decay, weight]: [f64; 2],
) -> Vec<f64> {
    mu.iter_mut().for_each(|mu| *mu *= decay);
    rule(mu, cover, &gradient.iter().map(|g| weight.sqrt() * g).collect::<Vec<_>>())
}

fn largest(set: &[usize], value: impl Fn(usize) -> f64) -> f64 {
    set.iter().map(|&i| value(i)).fold(0.0, f64::max)
}

fn smallest(mu: &[f64], cover: &[Vec<usize>], len: usize) -> Vec<f64> {
    let sets = |i: usize| mu.iter().zip(cover).filter(move |(_, set)| set.contains(&i));
    (0..len).map(|i| sets(i).map(|(mu, _)| *mu).fold(f64::INFINITY, f64::min)).collect()
}

/// One set per slice of every axis, axis by axis; a scalar has one set of one entry.
pub fn axis_covers(shape: &[usize]) -> Vec<Vec<usize>> {
    let len: usize = shape.iter().product();
    if shape.is_empty() {
        return vec![vec![0]];
    }
    let axes = shape.iter().enumerate();
    axes.flat_map(|(axis, &side)| {
        let inner: usize = shape[axis + 1..].iter().product();
        (0..side).map(move |index| (0..len).filter(|k| k / inner % side == index).collect())
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::super::linear::quotient;
    use super::*;

    #[test]
    fn golden_sm3_ii() {
        let cover = axis_covers(&[2, 2]);
        let mut mu = [0.0; 4];
        sm3_ii(&mut mu, &cover, &[1., 2., 3., 4.]);
        let second = [2., 0., 1., 1.];
        let nu = sm3_ii(&mut mu, &cover, &second);
        assert_eq!(nu, [8., 4., 10., 17.]);
        assert_eq!(mu, [8., 17., 10., 17.]);
        let right = [core::f64::consts::FRAC_1_SQRT_2, 0., 0.31622777, 0.24253563];
        for ((g, nu), right) in second.iter().zip(nu).zip(right) {
            assert!((quotient(*g, nu.sqrt()) - right).abs() < 1e-8);
        }
    }

    #[test]
    fn singleton_cover_is_adagrad() {
        let cover: Vec<_> = (0..3).map(|i| vec![i]).collect();
        let (mut one, mut two, mut v) = ([0.0; 3], [0.0; 3], [0.0; 3]);
        for gradient in [[1., 0., -2.], [0.5, 0., 3.]] {
            let step = adagrad(&mut v, &gradient, 0.0);
            assert_eq!(sm3_i(&mut one, &cover, &gradient), v);
            assert_eq!(sm3_ii(&mut two, &cover, &gradient), v);
            assert_eq!(step[1], 0.0);
        }
    }

    #[test]
    fn scalar_and_cube_covers() {
        assert_eq!(axis_covers(&[]), [[0]]);
        let cube = axis_covers(&[2, 1, 2]);
        assert_eq!(cube, [vec![0, 1], vec![2, 3], vec![0, 1, 2, 3], vec![0, 2], vec![1, 3]]);
    }
}
