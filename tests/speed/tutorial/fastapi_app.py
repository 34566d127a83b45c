"""The usual tutorial: FastAPI, a session a request, a signature, one insert."""

import hashlib
import hmac
import json
import os
import sys

import uvicorn
from fastapi import Depends, FastAPI, HTTPException, Request
from sqlalchemy import String, Text, create_engine, event
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, sessionmaker

PORT, FILE = sys.argv[1:]
engine = create_engine(f"sqlite:///{FILE}", connect_args={"check_same_thread": False})


@event.listens_for(engine, "connect")
def durable(connection, _):
    connection.execute("pragma journal_mode = WAL")
    connection.execute("pragma synchronous = FULL")


class Base(DeclarativeBase):
    pass


class Message(Base):
    __tablename__ = "message"
    mid: Mapped[str] = mapped_column(String, primary_key=True)
    psid: Mapped[str] = mapped_column(String)
    body: Mapped[str] = mapped_column(Text)


Base.metadata.create_all(engine)
sessions = sessionmaker(engine)
app = FastAPI()


def session():
    with sessions() as one:
        yield one


@app.get("/healthz")
def healthz():
    return "ok"


@app.post("/webhooks/meta")
async def webhook(request: Request, one: Session = Depends(session)):
    body = await request.body()
    right = hmac.new(os.environ["APP_SECRET"].encode(), body, hashlib.sha256).hexdigest()
    if not hmac.compare_digest(request.headers.get("x-hub-signature-256", ""), f"sha256={right}"):
        raise HTTPException(401)
    for entry in json.loads(body)["entry"]:
        for item in entry["messaging"]:
            one.merge(Message(mid=item["message"]["mid"], psid=item["sender"]["id"], body=json.dumps(item)))
    one.commit()


uvicorn.run(app, host="127.0.0.1", port=int(PORT), log_level="warning")
