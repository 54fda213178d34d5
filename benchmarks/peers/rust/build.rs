fn main() -> std::io::Result<()> {
    let protos = std::env::var("PROTOS").expect("PROTOS is the folder of the protos");
    tonic_prost_build::configure()
        .build_client(false)
        .compile_protos(&[format!("{protos}/echo/v1/echo.proto")], &[protos])
}
