//! Turns: different factors at different steps, so that no step pays for all.

/// Work of each step of a period, in units of n^3.
///
/// Every factor takes the step that has the least so far; largest first, none exceeds the mean by more than one factor
/// (Graham 1969).
///
/// ```
/// use shampoo_core::schedule::Loads;
/// let mut work = [0; 3];
/// let mut loads = Loads::new(&mut work);
/// assert_eq!([128, 64, 64, 64].map(|order| loads.place(order)), [0, 1, 2, 1]);
/// ```
#[derive(Debug)]
pub struct Loads<'a> {
    work: &'a mut [u64],
    spacing: u64,
}

impl<'a> Loads<'a> {
    /// A period of as many steps as there are numbers, with the work that is in them already.
    pub const fn new(work: &'a mut [u64]) -> Self {
        Self { work, spacing: 1 }
    }

    /// The same with turns that are so many steps apart, in a period of as many times that: with the delay of
    /// [`Mode::Pipelined`](super::Mode::Pipelined) none falls due while the one before is under way.
    ///
    /// ```
    /// use shampoo_core::schedule::Loads;
    /// let mut work = [0; 3];
    /// let mut loads = Loads::spaced(&mut work, 4);
    /// assert_eq!([128, 64, 64].map(|order| loads.place(order)), [0, 4, 8]);
    /// ```
    pub const fn spaced(work: &'a mut [u64], spacing: u64) -> Self {
        Self { work, spacing }
    }

    /// The turn of a factor of order n, whose work is added to that step; 0 where there is no step.
    pub fn place(&mut self, n: usize) -> u64 {
        let cost = (n as u64).saturating_pow(3);
        let Some((step, least)) = self.work.iter_mut().enumerate().min_by_key(|(_, work)| **work) else { return 0 };
        *least = least.saturating_add(cost);
        (step as u64).saturating_mul(self.spacing)
    }
}
