//! Calls to the host's services.
//!
//! The generated clients compile a whole call for each method, some 8 kB each. Here one call carries encoded messages,
//! and only the encoding differs.

#[cfg(feature = "testing")]
use std::sync::Arc;

#[cfg(feature = "testing")]
use futures_util::future::BoxFuture;
use prost::Message;
use prost::bytes::{Buf, BufMut, Bytes};
use tonic::client::Grpc;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::codegen::http::uri::PathAndQuery;
use tonic::transport::Channel;
use tonic::{Request, Status};

/// The answers of a test to encoded calls.
#[cfg(feature = "testing")]
pub(crate) type Answers = dyn Fn(&'static str, Bytes) -> BoxFuture<'static, Result<Bytes, Status>> + Send + Sync;

/// The host's services on one connection, which clones share.
#[derive(Clone)]
pub(crate) enum HostService {
    Remote(Grpc<Channel>),
    /// A test in the same process, without the protocol.
    #[cfg(feature = "testing")]
    Direct(Arc<Answers>),
}

impl HostService {
    /// `longest_message` limits messages in both directions, in bytes.
    pub(crate) fn new(channel: Channel, longest_message: usize) -> Self {
        let grpc = Grpc::new(channel);
        Self::Remote(grpc.max_decoding_message_size(longest_message).max_encoding_message_size(longest_message))
    }

    /// Calls a method by its path, such as `/pb.Storage/Get`.
    ///
    /// # Errors
    /// The host's status, or that its reply is not valid.
    pub(crate) async fn call<Reply: Message + Default>(
        &self,
        path: &'static str,
        arguments: &impl Message,
    ) -> Result<Reply, Status> {
        let reply = self.unary(path, arguments.encode_to_vec().into()).await?;
        Reply::decode(reply).map_err(|error| Status::internal(error.to_string()))
    }

    async fn unary(&self, path: &'static str, arguments: Bytes) -> Result<Bytes, Status> {
        let mut grpc = match self {
            Self::Remote(grpc) => grpc.clone(),
            #[cfg(feature = "testing")]
            Self::Direct(answer) => return answer(path, arguments).await,
        };
        grpc.ready().await.map_err(|error| Status::unknown(format!("Service was not ready: {error}")))?;
        Ok(grpc.unary(Request::new(arguments), PathAndQuery::from_static(path), Encoded).await?.into_inner())
    }
}

/// The codec of messages that are encoded and decoded by the caller.
struct Encoded;

impl Codec for Encoded {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Encoded {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, message: Bytes, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.put(message);
        Ok(())
    }
}

impl Decoder for Encoded {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(buffer.copy_to_bytes(buffer.remaining())))
    }
}
