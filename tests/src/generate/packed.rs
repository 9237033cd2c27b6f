//! The packed lower triangle: row by row, entry `(i, j)` with `j <= i` at `i (i + 1) / 2 + j`.

/// Number of entries of a packed triangle.
pub fn packed_len(order: usize) -> usize {
    order * (order + 1) / 2
}

/// Place of an entry, given in either order.
pub fn packed_index(i: usize, j: usize) -> usize {
    let (low, high) = (i.min(j), i.max(j));
    high * (high + 1) / 2 + low
}

/// The lower triangle of a full matrix; the upper one is not read.
pub fn to_packed<T: Copy>(order: usize, full: &[T]) -> Vec<T> {
    assert_eq!(full.len(), order * order);
    (0..order).flat_map(|i| full[i * order..=i * order + i].iter().copied()).collect()
}

/// The symmetric matrix of a packed triangle.
pub fn packed_to_full<T: Copy>(order: usize, packed: &[T]) -> Vec<T> {
    assert_eq!(packed.len(), packed_len(order));
    (0..order * order).map(|k| packed[packed_index(k / order, k % order)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trip_reads_the_lower_triangle() {
        let full = [1, -9, -9, 2, 3, -9, 4, 5, 6];
        let packed = to_packed(3, &full);
        assert_eq!(packed, [1, 2, 3, 4, 5, 6]);
        let symmetric = packed_to_full(3, &packed);
        assert_eq!(symmetric, [1, 2, 4, 2, 3, 5, 4, 5, 6]);
        assert_eq!(to_packed(3, &symmetric), packed);
        assert!(to_packed::<f64>(0, &[]).is_empty());
    }
}
