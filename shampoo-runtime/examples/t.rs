//! t
use shampoo_core::kernel::*;
use shampoo_core::linalg::inverse_root::*;
use shampoo_core::mat::packed::*;
use shampoo_runtime::kernel::Server;
fn main() {
    for n in [128usize] {
        let mut a = vec![0.0f64; n * n];
        let mut st = 1u64;
        let mut rnd = || {
            st = st.wrapping_mul(6364136223846793005).wrapping_add(1);
            ((st >> 33) as f64 / (1u64 << 31) as f64) - 0.5
        };
        for _ in 0..n / 2 {
            let g: Vec<f64> = (0..n).map(|_| rnd()).collect();
            for i in 0..n {
                for j in 0..n {
                    a[i * n + j] += g[i] * g[j];
                }
            }
        }
        let mut t = vec![];
        for i in 0..n {
            for j in 0..=i {
                t.push(a[i * n + j] as f32);
            }
        }
        let mut x = vec![0f32; packed_len(n)];
        let mut ws = vec![0.0f64; inverse_root_workspace_len(n)];
        for (name, k) in [("portable", &Portable as &dyn Kernel<f64>), ("server", &Server::new())] {
            for method in [Method::Rational] {
                for cert in [Certificate::Full, Certificate::Probed] {
                    let req = Request { method, certificate: cert, ..Request::new(Exponent::Root(4)) };
                    let mut best = f64::MAX;
                    let mut rep = None;
                    for _ in 0..100 {
                        let t0 = std::time::Instant::now();
                        rep = Some(inverse_root(&t, n, &mut x, &req, &mut ws, k).unwrap());
                        best = best.min(t0.elapsed().as_secs_f64());
                    }
                    let rep = rep.unwrap();
                    println!(
                        "n {n} {name} {cert:?} {:.1} us promised {:.2e} kappa {:.1e} {:?}",
                        best * 1e6,
                        rep.promised,
                        rep.kappa,
                        rep.outcome
                    );
                }
            }
            // rational alone
            let ld = rational::row_stride(n);
            let mut m = vec![0.0; rational::matrix_len(n)];
            let mut w = vec![0.0; rational::workspace_len(n)];
            let mut best = f64::MAX;
            for _ in 0..100 {
                for i in 0..n {
                    for j in 0..=i {
                        m[i * ld + j] = a[i * n + j];
                    }
                }
                let t0 = std::time::Instant::now();
                rational::inverse_root(
                    TiledTriangle { data: &mut m, stride: ld, order: n },
                    tables::table(4).unwrap(),
                    Ridge::Relative(1e-6),
                    &mut w,
                    k,
                )
                .unwrap();
                best = best.min(t0.elapsed().as_secs_f64());
            }
            println!("n {n} {name} rational alone {:.1} us", best * 1e6);
        }
    }
}
