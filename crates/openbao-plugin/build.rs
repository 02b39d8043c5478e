//! Compiles the wire definitions under `proto/`, without protoc.

#![expect(clippy::disallowed_macros, reason = "a build script's directives go to standard output")]

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
            // Messages hold secrets. Without `Debug` they cannot be printed by mistake.
            .skip_debug(["."])
            .compile_fds(definitions)
            .expect("the generated code can be written");
    }
}
