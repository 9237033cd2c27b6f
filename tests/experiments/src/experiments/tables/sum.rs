//! The sum of poles, and its relative error with derivatives.

use super::numbers::{Big, big, power};

/// c0 + sum_j c_j / (x + s_j).
#[derive(Clone, Debug)]
pub(super) struct Sum {
    /// The constant c0.
    pub(super) constant: Big,
    /// The shifts s_j, ascending, and the weights c_j.
    pub(super) poles: Vec<(Big, Big)>,
}

impl Sum {
    /// The sum at x.
    pub(super) fn at(&self, x: &Big) -> Big {
        self.poles.iter().fold(self.constant.clone(), |sum, (shift, weight)| sum + weight / (x + shift))
    }

    /// The error e = y r(y^p) - 1 against x^(-1/p) at x = y^p. No root is needed where y is the variable.
    pub(super) fn error(&self, p: u32, y: &Big) -> Big {
        y * self.at(&power(y, p)) - big(1.0)
    }

    /// The first two derivatives of the error by log y.
    ///
    /// With r the sum at x = y^p: e' = y (r + p x r'), e'' = y (r + 2 p x r' + p^2 (x r' + x^2 r'')).
    pub(super) fn slopes(&self, p: u32, y: &Big) -> [Big; 2] {
        let x = power(y, p);
        let (mut value, mut first, mut second) = (self.constant.clone(), big(0.0), big(0.0));
        for (shift, weight) in &self.poles {
            let inverse = big(1.0) / (&x + shift);
            let term = weight * &inverse;
            let ratio = &x * inverse;
            let derivative = &term * &ratio;
            second += big(2.0) * &derivative * ratio;
            first -= derivative;
            value += term;
        }
        let p = big(f64::from(p));
        let first = p.clone() * first;
        let slope = y * (&value + &first);
        let curvature = y * (value + big(2.0) * &first + &p * (first + p.clone() * second));
        [slope, curvature]
    }
}

#[cfg(test)]
mod tests {
    use super::super::numbers::{big, narrow};
    use super::Sum;

    #[test]
    fn slopes_are_differences_of_errors() {
        let sum = Sum { constant: big(0.25), poles: vec![(big(0.01), big(0.3)), (big(2.0), big(1.5))] };
        let (y, step) = (big(0.4), big(2.0_f64.powi(-100)));
        // y exp(h) and y exp(-h) to the fourth order.
        let square = &step * &step / big(2.0);
        let at = |h: &_| sum.error(3, &(&y * (big(1.0) + h + &square)));
        let (ahead, here, behind) = (at(&step), sum.error(3, &y), at(&-&step));
        let [slope, curvature] = sum.slopes(3, &y);
        let first = (&ahead - &behind) / (big(2.0) * &step);
        let second = (ahead + behind - big(2.0) * here) / (&step * &step);
        assert!(narrow(&(first / slope - big(1.0))).abs() < 1e-25);
        assert!(narrow(&(second / curvature - big(1.0))).abs() < 1e-25);
    }
}
