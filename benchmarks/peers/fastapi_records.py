"""Records by FastAPI and SQLAlchemy's async ORM on PostgreSQL, as their documentation advises.

    python fastapi_records.py URL JWK TENANT

It does what RecordService.Get does for a call: checks the token, looks whether its subject may read
the record, reads the row, and answers with the record in JSON. Prints its port, and serves until it
is told to stop by SIGTERM.
"""

import argparse
import json
import socket
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Annotated, Any

import jwt
import uvicorn
from fastapi import Depends, FastAPI, HTTPException, Request
from pydantic import BaseModel
from sqlalchemy import BigInteger, String, select
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

PERMISSION = "records.get"
POOL = {"pool_size": 20, "max_overflow": 10, "pool_timeout": 30}
NS_PER_S = 1_000_000_000


class Base(DeclarativeBase):
    """What the table's class is made from."""


class StoredRecord(Base):
    """A row of the table that RecordService keeps its records in."""

    __tablename__ = "records"

    tenant: Mapped[str] = mapped_column(String, primary_key=True)
    collection: Mapped[str] = mapped_column(String, primary_key=True)
    record_id: Mapped[str] = mapped_column(String, primary_key=True)
    document: Mapped[dict[str, Any]] = mapped_column(JSONB)
    create_time_ns: Mapped[int] = mapped_column(BigInteger)
    update_time_ns: Mapped[int] = mapped_column(BigInteger)


class Record(BaseModel):
    """What is answered."""

    name: str
    data: dict[str, Any]
    create_time: datetime
    update_time: datetime


def application(url: str, jwk: str, tenant: str) -> FastAPI:
    engine = create_async_engine(url.replace("postgresql://", "postgresql+asyncpg://"), **POOL)
    sessions = async_sessionmaker(engine, expire_on_commit=False)
    key = jwt.PyJWK(json.loads(jwk))
    grants = {("users/admin", PERMISSION): f"tenants/{tenant}"}
    app = FastAPI()

    async def session() -> AsyncIterator[AsyncSession]:
        async with sessions() as opened:
            yield opened

    def subject(request: Request) -> str:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            raise HTTPException(401)
        try:
            claims = jwt.decode(token, key, ["EdDSA"], audience="blrcs", issuer="blrcs")
        except jwt.InvalidTokenError as error:
            raise HTTPException(401) from error
        return str(claims["sub"])

    @app.get("/v1/tenants/{tenant}/collections/{collection}/records/{record}")
    async def get(
        tenant: str,
        collection: str,
        record: str,
        subject: Annotated[str, Depends(subject)],
        session: Annotated[AsyncSession, Depends(session)],
    ) -> Record:
        name = f"tenants/{tenant}/collections/{collection}/records/{record}"
        granted = grants.get((subject, PERMISSION))
        if granted is None or not f"{name}/".startswith(f"{granted}/"):
            raise HTTPException(403)
        query = select(StoredRecord).where(
            StoredRecord.tenant == tenant,
            StoredRecord.collection == collection,
            StoredRecord.record_id == record,
        )
        found = (await session.scalars(query)).one_or_none()
        if found is None:
            raise HTTPException(404)
        return Record(
            name=name,
            data=found.document,
            create_time=datetime.fromtimestamp(found.create_time_ns / NS_PER_S, UTC),
            update_time=datetime.fromtimestamp(found.update_time_ns / NS_PER_S, UTC),
        )

    return app


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    for each in ("url", "jwk", "tenant"):
        parser.add_argument(each)
    arguments = parser.parse_args()
    listener = socket.create_server(("127.0.0.1", 0), backlog=512)
    print(listener.getsockname()[1], flush=True)
    config = uvicorn.Config(
        application(**vars(arguments)), log_level="warning", access_log=False, loop="uvloop"
    )
    uvicorn.Server(config).run([listener])


if __name__ == "__main__":
    main()
