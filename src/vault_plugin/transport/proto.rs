//! What the wire definitions under `proto/` become: clients, servers and messages.

#![allow(missing_docs, unused_qualifications, clippy::all, reason = "generated code")]
#![allow(dead_code, reason = "either side of each service is generated, and most need one")]

pub(crate) mod pb {
    tonic::include_proto!("pb");
}

pub(crate) mod plugin {
    tonic::include_proto!("plugin");
}

pub(crate) mod health {
    tonic::include_proto!("grpc.health.v1");
}

pub(crate) mod multiplexing {
    tonic::include_proto!("pluginutil.multiplexing");
}

pub(crate) mod logical {
    tonic::include_proto!("logical");
}
