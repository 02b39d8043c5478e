//! Compiles the plugin's wire definitions.

#![expect(clippy::disallowed_macros, reason = "a build script talks to cargo on its standard output")]

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    wire::compile();
}

mod wire {
    const DIRECTORY: &str = "proto";
    const FILES: [&str; 6] =
        ["backend.proto", "broker.proto", "health.proto", "multiplexing.proto", "process.proto", "version.proto"];

    pub(super) fn compile() {
        println!("cargo:rerun-if-changed={DIRECTORY}");
        let definitions = protox::compile(FILES, [DIRECTORY]).expect("the wire definitions are valid");
        tonic_prost_build::configure()
            // A message that has no `Debug` cannot be printed by mistake, and most of them hold secrets.
            .skip_debug(["."])
            .compile_fds(definitions)
            .expect("the generated code can be written");
    }
}
