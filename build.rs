//! Templates are embedded: a new file among them has to be seen.

fn main() {
    for folder in ["dashboards", "monitors"] {
        println!("cargo::rerun-if-changed={folder}");
    }
}
