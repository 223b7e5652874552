//! The generated messages and services of `proto/`, and the descriptor set that reflection serves.

/// Package `rightful.v1`: what rightful serves.
#[expect(
    missing_docs,
    clippy::pedantic,
    clippy::allow_attributes,
    clippy::large_enum_variant,
    reason = "generated; the documentation is in proto/"
)]
pub mod v1 {
    tonic::include_proto!("rightful.v1");

    impl std::fmt::Debug for Correction {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            write!(f, "Correction({}/{} {}: redacted)", self.downstream, self.category, self.field)
        }
    }
}

/// What downstreams implement.
pub mod downstream {
    /// Package `rightful.downstream.v1`.
    #[expect(
        missing_docs,
        clippy::pedantic,
        clippy::allow_attributes,
        reason = "generated; the documentation is in proto/"
    )]
    pub mod v1 {
        tonic::include_proto!("rightful.downstream.v1");

        impl std::fmt::Debug for Identifier {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, "Identifier({}: redacted)", self.kind)
            }
        }

        impl std::fmt::Debug for Record {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, "Record({}: {} bytes, redacted)", self.category, self.json.len())
            }
        }

        impl std::fmt::Debug for Correction {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, "Correction({} {}: redacted)", self.category, self.field)
            }
        }

        impl std::fmt::Debug for FileChunk {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, "FileChunk({} bytes, redacted)", self.data.len())
            }
        }
    }
}

/// The compiled `proto/`, with comments and imports, as an encoded `google.protobuf.FileDescriptorSet`.
pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/rightful.binpb"));
