//! How the work of a root is cut: at once, in steps, stopped on the way, or beside other roots.

use arbitrary::Arbitrary;
use shampoo_core::error::RootError;
use shampoo_core::kernel::Portable;
use shampoo_core::linalg::inverse_root::batch::{Member, inverse_roots};
use shampoo_core::linalg::inverse_root::{Job, Outcome, Progress, Report, Request, inverse_root, inverse_root_while};
use shampoo_core::scalar::{Real, Stored};

use crate::numbers::{Bits, all_bits};

/// The ways to one root.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub enum Pace {
    /// By one call.
    Whole,
    /// By as many calls as there are.
    Steps,
    /// Stopped after so many steps.
    Stopped(u8),
    /// In a batch, at any place among others.
    Batch {
        /// How many others, less than 18.
        others: u8,
        /// The place.
        place: u8,
        /// What the others are, over and over.
        beside: [Beside; 3],
    },
}

/// A matrix beside the one that is judged.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub enum Beside {
    /// The same.
    Same,
    /// All zero.
    Zero,
    /// The unit matrix.
    Identity,
    /// Its negative.
    Negative,
    /// One that is refused at once.
    NonFinite,
    /// Another length.
    Misfit,
}

impl Pace {
    /// The root of one matrix.
    ///
    /// # Panics
    /// Where the way makes a difference that it must not make.
    pub fn compute<R: Real, S: Stored<R> + Bits>(
        self,
        input: &[S],
        n: usize,
        root: &mut [S],
        request: &Request,
        workspace: &mut [R],
    ) -> Result<Report, RootError> {
        match self {
            Self::Whole => inverse_root(input, n, root, request, workspace, &Portable),
            Self::Steps => {
                let mut whole = root.to_vec();
                let right = inverse_root(input, n, &mut whole, request, workspace, &Portable)?;
                let mut job = Job::start(input, n, request)?;
                while job.step(input, workspace, &Portable)? == Progress::Working {}
                let report = job.finish(root, workspace)?;
                assert_eq!(all_bits(root), all_bits(&whole), "other bits in steps: {report:?}");
                // By their text, because NaN differs from itself.
                assert_eq!(format!("{right:?}"), format!("{report:?}"));
                Ok(report)
            }
            Self::Stopped(steps) => {
                let mut left = steps;
                let keep_going = || {
                    left = left.saturating_sub(1);
                    left > 0
                };
                inverse_root_while(input, n, root, request, workspace, &Portable, keep_going)
            }
            Self::Batch { others, place, beside } => {
                let others: Vec<Vec<S>> =
                    (0..usize::from(others % 18)).map(|k| beside[k % beside.len()].triangle(input)).collect();
                let place = usize::from(place) % (others.len() + 1);
                let untouched: Vec<S> = vec![S::store(R::from_f64(42.0)); input.len() + 1];
                let mut roots: Vec<Vec<S>> = others.iter().map(|other| untouched[..other.len()].to_vec()).collect();
                let (before, after) = roots.split_at_mut(place);
                let mut members: Vec<Member<'_, S>> =
                    others.iter().zip(before).map(|(triangle, root)| Member::new(triangle, root)).collect();
                members.push(Member::new(input, root));
                members.extend(others[place..].iter().zip(after).map(|(triangle, root)| Member::new(triangle, root)));
                inverse_roots(&mut members, n, request, workspace, &Portable);
                let reports: Vec<_> = members.into_iter().map(|member| member.report).collect();
                for (k, root) in roots.iter().enumerate() {
                    let report = &reports[if k < place { k } else { k + 1 }];
                    let accepted = matches!(report, Ok(report) if report.outcome == Outcome::Accepted);
                    assert!(accepted || all_bits(root) == all_bits(&untouched[..root.len()]), "written: {report:?}");
                    assert!(root.iter().all(|x| x.load().is_finite()), "{report:?}");
                }
                reports[place]
            }
        }
    }
}

impl Beside {
    fn triangle<R: Real, S: Stored<R>>(self, input: &[S]) -> Vec<S> {
        let number = |x: f64| S::store(R::from_f64(x));
        let is_square = |k: usize| (8 * k + 1).isqrt().pow(2) == 8 * k + 1;
        match self {
            Self::Same => input.to_vec(),
            Self::Zero => vec![number(0.0); input.len()],
            // The last entries of rows are at 0, 2, 5, 9: a triangular number less 1.
            Self::Identity => (1..=input.len()).map(|k| number(f64::from(u8::from(is_square(k))))).collect(),
            Self::Negative => input.iter().map(|x| S::store(-x.load())).collect(),
            Self::NonFinite => vec![number(f64::NAN); input.len()],
            Self::Misfit => vec![number(1.0); input.len() + 1],
        }
    }
}
