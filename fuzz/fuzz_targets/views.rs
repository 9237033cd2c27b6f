//! Views against plain index arithmetic: what lies outside is refused, and no entry is ever a wrong one.
#![no_main]

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use shampoo_core::error::ShapeError;
use shampoo_core::mat::{MatMut, MatRef};

/// Mostly small, sometimes anything.
#[derive(Arbitrary, Clone, Copy, Debug)]
enum Size {
    Small(u8),
    Any(usize),
    Large(u8),
}

impl Size {
    fn value(self) -> usize {
        match self {
            Self::Small(x) => usize::from(x % 8),
            Self::Any(x) => x,
            Self::Large(x) => usize::MAX - usize::from(x),
        }
    }
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Change {
    Transpose,
    Block(Size, Size, Size, Size),
}

#[derive(Arbitrary, Debug)]
struct Case {
    length: u8,
    shape: [Size; 2],
    strides: [Size; 2],
    changes: Vec<Change>,
    at: [Size; 2],
    writes: [Size; 4],
}

/// Where the entries of a view are, without any bound on the numbers.
#[derive(Clone, Copy, Debug)]
struct Model {
    start: u128,
    shape: [u128; 2],
    strides: [u128; 2],
}

impl Model {
    fn at(&self, i: u128, j: u128) -> Option<u128> {
        let inside = i < self.shape[0] && j < self.shape[1];
        inside.then(|| self.start + i * self.strides[0] + j * self.strides[1])
    }

    /// The numbers that the view spans; `None` where no slice is that long: `usize::MAX` stands for whatever overflows.
    fn extent(&self) -> Option<u128> {
        let [m, n] = self.shape;
        let product = |x: u128, y: u128| x.checked_mul(y).filter(|&z| z <= usize::MAX as u128);
        if m == 0 || n == 0 {
            return Some(0);
        }
        let sum = product(m - 1, self.strides[0])? + product(n - 1, self.strides[1])? + 1;
        Some(sum).filter(|&z| z < usize::MAX as u128)
    }
}

fn wide<const N: usize>(sizes: [Size; N]) -> [u128; N] {
    sizes.map(|size| size.value() as u128)
}

fuzz_target!(|case: Case| {
    let data: Vec<u16> = (0..u16::from(case.length)).collect();
    let ([m, n], [rs, cs]) = (case.shape.map(Size::value), case.strides.map(Size::value));
    let model = Model { start: 0, shape: wide(case.shape), strides: wide(case.strides) };
    assert_eq!(MatRef::<u16>::empty().get(0, 0), None);
    match (MatRef::with_strides(&data, m, n, rs, cs), model.extent()) {
        (Ok(view), Some(extent)) if extent <= data.len() as u128 => read(view, model, &case),
        (Err(ShapeError::Length { needed, found }), Some(extent)) => {
            assert_eq!((needed as u128, found), (extent, data.len()));
            assert!(needed > found);
        }
        (Err(ShapeError::TooLarge), None) => {}
        (found, expected) => panic!("{:?} for an extent of {expected:?}", found.map(|_| ())),
    }
    assert_eq!(MatRef::new(&data, m, n).is_ok(), MatRef::with_strides(&data, m, n, n, 1).is_ok());
    write(data, &case);
});

fn read(mut view: MatRef<'_, u16>, mut model: Model, case: &Case) {
    for &change in case.changes.iter().take(6) {
        match change {
            Change::Transpose => {
                view = view.transpose();
                model.shape.reverse();
                model.strides.reverse();
            }
            Change::Block(i, j, m, n) => {
                let sizes = [i, j, m, n].map(Size::value);
                let ([i, j, m, n], [si, sj, sm, sn]) = (sizes.map(|x| x as u128), sizes);
                let inside = i + m <= model.shape[0] && j + n <= model.shape[1];
                let block = view.block(si, sj, sm, sn);
                assert_eq!(block.is_some(), inside, "block {sizes:?} of {model:?}");
                let Some(block) = block else { continue };
                view = block;
                let start = if m == 0 || n == 0 { 0 } else { i * model.strides[0] + j * model.strides[1] };
                model = Model { start: model.start + start, shape: [m, n], ..model };
            }
        }
    }
    assert_eq!([view.nrows() as u128, view.ncols() as u128], model.shape);
    let [i, j] = case.at.map(Size::value);
    let entry = |i: usize, j: usize| model.at(i as u128, j as u128).map(|at| at as u16);
    assert_eq!(view.get(i, j), entry(i, j), "({i}, {j}) of {model:?}");
    // Overlapping rows make huge shapes over little memory legal.
    let (m, n) = (view.nrows().min(20), view.ncols().min(20));
    for i in (0..m).chain([i, view.nrows()]) {
        let row: Vec<_> = view.row_entries(i).take(20).collect();
        let expected: Vec<_> = (0..n).map_while(|j| entry(i, j)).collect();
        assert_eq!(row, expected, "row {i} of {model:?}");
        if let Some(row) = view.contiguous_row(i) {
            assert!(i < view.nrows() && row.len() == view.ncols());
            assert!(row.iter().take(20).eq(&expected), "row {i} of {model:?}");
        }
    }
    if let Some(rows) = view.contiguous_rows() {
        let rows: Vec<_> = rows.take(20).collect();
        assert!(rows.len() == m || view.ncols() == 0, "{model:?}");
        for (i, row) in rows.iter().enumerate() {
            assert!(i < view.nrows() && row.len() == view.ncols());
            assert!(row.iter().take(20).copied().eq((0..n).map_while(|j| entry(i, j))));
        }
    }
    let (data, rs, cs) = view.parts();
    if let Some(&first) = data.first().filter(|_| m > 0 && n > 0) {
        assert_eq!((Some(first), rs as u128, cs as u128), (entry(0, 0), model.strides[0], model.strides[1]));
    }
}

fn write(mut data: Vec<u16>, case: &Case) {
    let before = data.clone();
    let ([m, n], stride) = (case.shape.map(Size::value), case.strides[0].value());
    let model = Model { start: 0, shape: wide(case.shape), strides: [stride as u128, 1] };
    let fits = model.extent().is_some_and(|extent| extent <= data.len() as u128) && (stride >= n || m <= 1);
    let made = MatMut::with_row_stride(&mut data, m, n, stride);
    assert_eq!(made.is_ok(), fits, "{model:?}");
    let Ok(mut view) = made else {
        return;
    };
    let inside = |i: usize, j: usize| model.at(i as u128, j as u128).map(|at| at as usize);
    let mut expected = before;
    for pair in case.writes.as_chunks::<2>().0 {
        let [i, j] = pair.map(Size::value);
        let (to, at) = (view.get_mut(i, j), inside(i, j));
        assert_eq!(to.is_some(), at.is_some(), "({i}, {j}) of {model:?}");
        if let (Some(to), Some(at)) = (to, at) {
            *to = 1000 + j as u16;
            expected[at] = *to;
        }
    }
    let mut again = view.reborrow();
    for (i, row) in again.rows_mut().enumerate().take(300) {
        assert!(i < m && row.len() == n);
        for (j, x) in row.iter_mut().enumerate() {
            let at = inside(i, j).expect("an entry");
            assert_eq!(*x, expected[at]);
            *x += 2000;
            expected[at] += 2000;
        }
    }
    assert_eq!((view.as_ref().nrows(), view.as_ref().ncols()), (m, n));
    if n > 0 {
        view.mirror_lower();
        for i in 0..m.min(n) {
            for j in 0..i {
                let (from, to) = (inside(i, j).expect("an entry"), inside(j, i).expect("an entry"));
                expected[to] = expected[from];
            }
        }
    }
    assert_eq!(data, expected, "{model:?}");
}
