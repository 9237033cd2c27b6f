//! Diagonal methods over explicit covers: lists of the entries of each set.

use super::linear::quotient;

/// `v += g^2`; returns `g / (sqrt(v) + epsilon)`.
pub fn adagrad(v: &mut [f64], gradient: &[f64], epsilon: f64) -> Vec<f64> {
    v.iter_mut().zip(gradient).for_each(|(v, g)| *v += g * g);
    step(v, gradient, epsilon)
}

/// `v <- b2 v + (1 - b2) g^2`, no bias correction; returns `g / (sqrt(v) + epsilon)`.
pub fn rmsprop(v: &mut [f64], gradient: &[f64], beta2: f64, epsilon: f64) -> Vec<f64> {
    let pairs = v.iter_mut().zip(gradient);
    pairs.for_each(|(v, g)| *v = beta2 * *v + (1.0 - beta2) * g * g);
    step(v, gradient, epsilon)
}

fn step(v: &[f64], gradient: &[f64], epsilon: f64) -> Vec<f64> {
    let ratio = |(v, g): (&f64, &f64)| quotient(*g, v.sqrt() + epsilon);
    v.iter().zip(gradient).map(ratio).collect()
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
