//! temp
use std::time::Instant;
#[global_allocator]
static A: mimalloc::MiMalloc = mimalloc::MiMalloc;
use shampoo_experiments::{data::Dataset, model::Autoencoder};
fn best(name: &str, mut f: impl FnMut()) {
    let mut t = f64::MAX;
    for _ in 0..15 {
        let s = Instant::now();
        f();
        t = t.min(s.elapsed().as_secs_f64());
    }
    println!("{name}: {:.2} ms", t * 1e3);
}
fn main() {
    let s = Instant::now();
    let d = Dataset::curves();
    println!(
        "generate {:?}; mean {}",
        s.elapsed(),
        d.train.pixels().iter().map(|&x| x as f64).sum::<f64>() / d.train.pixels().len() as f64
    );
    let x = d.train.first(1000, 1000).unwrap().remove(0);
    for enc in [&[784, 400, 200, 100, 50, 25, 6][..], &[784, 1000, 500, 250, 30]] {
        let net = Autoencoder::new(enc, 0).unwrap();
        best("evaluate", || {
            net.evaluate(std::slice::from_ref(&x)).unwrap();
        });
        best("forward", || {
            net.loss(&x).unwrap();
        });
        best("fwd+bwd", || {
            net.loss(&x).unwrap().backward().unwrap();
        });
        let p = net.parameters();
        best("naive fwd+bwd", || {
            let mut h = x.clone();
            let n = p.len() / 2;
            for i in 0..n {
                h = h.matmul(&p[2 * i].1.t().unwrap()).unwrap().broadcast_add(&p[2 * i + 1].1).unwrap();
                if i + 1 != n && i + 1 != n / 2 {
                    h = h.relu().unwrap();
                }
            }
            let l = (h.relu().unwrap() - (&h * &x).unwrap()).unwrap();
            let l = (l + ((h.abs().unwrap().neg().unwrap().exp().unwrap() + 1.0).unwrap().log().unwrap())).unwrap();
            let l = (l.sum_all().unwrap() / 1000.0).unwrap();
            l.backward().unwrap();
        });
        let w = p[0].1.as_tensor().detach();
        let b = p[1].1.as_tensor().detach();
        best("mm first", || {
            x.matmul(&w.t().unwrap()).unwrap();
        });
        let g = x.matmul(&w.t().unwrap()).unwrap();
        best("mm g^T x", || {
            g.t().unwrap().matmul(&x).unwrap();
        });
        best("mm g w", || {
            g.matmul(&w).unwrap();
        });
        use shampoo_experiments::model::dense::*;
        best("dense first", || {
            x.apply_op3_no_bwd(&w, &b, &Dense { activation: Activation::Relu, input_gradient: false }).unwrap();
        });
        best("loss", || {
            shampoo_experiments::model::loss::cross_entropy_value(&x, &x).unwrap();
        });
    }
}
