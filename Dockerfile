FROM python:3.13-slim AS build
WORKDIR /src
COPY requirements/tools.txt requirements/run.txt requirements/
RUN python -m pip install --no-cache-dir --require-hashes -r requirements/tools.txt \
 && python -m venv --without-pip /venv \
 && uv pip install --no-cache --compile-bytecode --python /venv/bin/python \
      --require-hashes -r requirements/run.txt
COPY . .
RUN uv pip install --no-cache --compile-bytecode --python /venv/bin/python --no-deps \
      "$(python -m hatchling build -t wheel | tail -n 1)"

FROM python:3.13-slim
RUN useradd --create-home --home-dir /app --uid 10001 duologue \
 && install -d -o duologue -g duologue /data
COPY --from=build /venv /venv
COPY personas /app/personas
ENV PATH=/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    DUOLOGUE_DATABASE_URL=sqlite:////data/duologue.db
USER duologue
WORKDIR /app
VOLUME /data
EXPOSE 25050
# Streams are ended whole within the grace time; SIGTERM must reach the server itself, hence no shell.
CMD ["duologue", "serve", "--host", "0.0.0.0", "--port", "25050"]
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s \
  CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:25050/health', timeout=2)"]
