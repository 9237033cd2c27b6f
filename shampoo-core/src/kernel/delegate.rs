//! The methods that a kernel around another one leaves to it.

/// Every method but `scale_by_rsqrt`, `computes` and `certifies`: those with a default too, or the wrapped kernel's own
/// would be lost.
macro_rules! delegate {
    ($t:ty) => {
        fn gemm(&self, c: MatMut<'_, $t>, accum: Accum, alpha: $t, a: MatRef<'_, $t>, b: MatRef<'_, $t>) {
            self.0.gemm(c, accum, alpha, a, b);
        }

        fn gram(&self, c: MatMut<'_, $t>, accum: Accum, alpha: $t, a: MatRef<'_, $t>) {
            self.0.gram(c, accum, alpha, a);
        }

        fn symm_product(&self, c: MatMut<'_, $t>, a: MatRef<'_, $t>, b: MatRef<'_, $t>) {
            self.0.symm_product(c, a, b);
        }

        fn unit_roundoff(&self) -> f64 {
            self.0.unit_roundoff()
        }

        fn dot(&self, x: &[$t], y: &[$t]) -> $t {
            self.0.dot(x, y)
        }

        fn axpby(&self, alpha: $t, x: &[$t], beta: $t, y: &mut [$t]) {
            self.0.axpby(alpha, x, beta, y);
        }

        fn rotate_rows(&self, rows: MatMut<'_, $t>, rotations: &[[$t; 2]]) {
            self.0.rotate_rows(rows, rotations);
        }

        fn reflect_rows(&self, rows: MatMut<'_, $t>, tau: $t, v: &[$t]) {
            self.0.reflect_rows(rows, tau, v);
        }

        fn symmetric_thin(&self, out: &mut [$t], a: SymmetricTiles<'_, $t>, v: &[$t]) {
            self.0.symmetric_thin(out, a, v);
        }

        fn tridiagonalize(
            &self,
            a: TiledTriangle<'_, $t>,
            t: Tridiagonal<'_, $t>,
            vectors: &mut [$t],
            rows: Range<usize>,
        ) {
            self.0.tridiagonalize(a, t, vectors, rows);
        }

        fn tridiagonal_inverses(
            &self,
            t: &Tridiagonal<'_, $t>,
            ridge_and_scale: ($t, $t),
            terms: &Terms<$t>,
            ratios: &mut [$t],
            gains: &mut [$t],
        ) -> bool {
            self.0.tridiagonal_inverses(t, ridge_and_scale, terms, ratios, gains)
        }

        fn back_transform(
            &self,
            a: TiledTriangle<'_, $t>,
            tau: &[$t],
            poles: Poles<'_, $t>,
            vectors: &mut [$t],
            rows: Range<usize>,
        ) {
            self.0.back_transform(a, tau, poles, vectors, rows);
        }

        fn reduce_lanes(&self, work: &mut Lanewise<'_, $t>) -> [Tile<$t>; 2] {
            self.0.reduce_lanes(work)
        }

        fn roots_of_lanes(&self, work: &mut Lanewise<'_, $t>, evaluation: &Evaluation<'_, $t>) -> Tile<$t> {
            self.0.roots_of_lanes(work, evaluation)
        }

        fn residuals_of_lanes(&self, residual: Residual<'_, $t>) -> Tile<$t> {
            self.0.residuals_of_lanes(residual)
        }
    };
}

pub(super) use delegate;
