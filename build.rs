//! Compiles `proto/` in pure Rust: no protoc is needed anywhere.

use std::{env, error::Error, fs, path::PathBuf};

use prost::Message as _;

const FILES: [&str; 11] = [
    "rightful/downstream/v1/subject_data.proto",
    "rightful/downstream/v1/subject_data_service.proto",
    "rightful/v1/access_service.proto",
    "rightful/v1/case.proto",
    "rightful/v1/case_service.proto",
    "rightful/v1/downstream_service.proto",
    "rightful/v1/error_reason.proto",
    "rightful/v1/handling.proto",
    "rightful/v1/hold_service.proto",
    "rightful/v1/notice_service.proto",
    "rightful/v1/retention_service.proto",
];

/// Messages that hold personal data: `src/proto.rs` gives them a `Debug` that redacts.
const REDACTED: [&str; 5] = [
    ".rightful.downstream.v1.Identifier",
    ".rightful.downstream.v1.Record",
    ".rightful.downstream.v1.FileChunk",
    ".rightful.downstream.v1.Correction",
    ".rightful.v1.Correction",
];

#[expect(clippy::disallowed_methods, reason = "this is how cargo tells a build script its folder")]
fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=proto");
    let mut compiler = protox::Compiler::new(["proto"])?;
    compiler.include_imports(true).include_source_info(true);
    compiler.open_files(FILES)?;

    // The encoded form keeps what prost-types would drop; reflection and the command line's JSON read it.
    let encoded = compiler.encode_file_descriptor_set();
    let out = PathBuf::from(env::var("OUT_DIR")?);
    fs::write(out.join("rightful.binpb"), &encoded)?;

    let mut set = prost_types::FileDescriptorSet::decode(encoded.as_slice())?;
    for file in &mut set.file {
        // The comments are written for protobuf's readers; rustdoc would take their examples for Rust.
        file.source_code_info = None;
    }
    let mut config = tonic_prost_build::Config::new();
    config.enable_type_names().bytes(["."]).skip_debug(REDACTED);
    tonic_prost_build::configure().compile_fds_with_config(set, config)?;
    Ok(())
}
