//! The echo server of tonic, on one thread. Prints its port and serves until SIGTERM.

use std::fs::read;
use std::pin::Pin;

use tokio::signal::unix::{signal, SignalKind};
use tokio_stream::{Stream, StreamExt};
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Identity, Server, ServerTlsConfig};
use tonic::{Request, Response, Status, Streaming};

mod echo {
    tonic::include_proto!("echo.v1");
}
use echo::echo_service_server::{EchoService, EchoServiceServer};
use echo::{CollectResponse, ExpandRequest, Message};

struct Service;

type Messages = Pin<Box<dyn Stream<Item = Result<Message, Status>> + Send>>;

#[tonic::async_trait]
impl EchoService for Service {
    async fn echo(&self, request: Request<Message>) -> Result<Response<Message>, Status> {
        Ok(Response::new(request.into_inner()))
    }

    async fn echo_later(&self, request: Request<Message>) -> Result<Response<Message>, Status> {
        tokio::task::yield_now().await;
        Ok(Response::new(request.into_inner()))
    }

    type ExpandStream = Messages;

    async fn expand(
        &self,
        request: Request<ExpandRequest>,
    ) -> Result<Response<Messages>, Status> {
        let ExpandRequest { count, payload } = request.into_inner();
        let messages = (0..count).map(move |_| {
            Ok(Message {
                payload: payload.clone(),
            })
        });
        Ok(Response::new(Box::pin(tokio_stream::iter(messages))))
    }

    async fn collect(
        &self,
        request: Request<Streaming<Message>>,
    ) -> Result<Response<CollectResponse>, Status> {
        let mut messages = request.into_inner();
        let mut reply = CollectResponse::default();
        while let Some(message) = messages.message().await? {
            reply.messages += 1;
            reply.payload_bytes += message.payload.len() as u64;
        }
        Ok(Response::new(reply))
    }

    type ConverseStream = Messages;

    async fn converse(
        &self,
        request: Request<Streaming<Message>>,
    ) -> Result<Response<Messages>, Status> {
        Ok(Response::new(Box::pin(request.into_inner().map(|each| each))))
    }
}

fn option(name: &str) -> Option<Vec<u8>> {
    let mut arguments = std::env::args();
    arguments.find(|argument| argument == name)?;
    Some(read(arguments.next()?).expect("a PEM file"))
}

async fn serve() -> Result<(), Box<dyn std::error::Error>> {
    let mut builder = Server::builder();
    if let (Some(certificate), Some(key)) = (option("--cert"), option("--key")) {
        let identity = Identity::from_pem(certificate, key);
        builder = builder.tls_config(ServerTlsConfig::new().identity(identity))?;
    }
    let incoming = TcpIncoming::bind("127.0.0.1:0".parse()?)?.with_nodelay(Some(true));
    let mut told = signal(SignalKind::terminate())?;
    println!("{}", incoming.local_addr()?.port());
    let serving = builder
        .add_service(EchoServiceServer::new(Service))
        .serve_with_incoming(incoming);
    tokio::select! {
        done = serving => Ok(done?),
        _ = told.recv() => Ok(()),
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(serve())
}
