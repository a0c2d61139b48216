#!/bin/sh
# Follows a conversation to its end with curl alone, whatever breaks on the way.
#
#   examples/follow.sh http://127.0.0.1:25050/api/conversations/ID/events
#
# Prints the lines as they are complete ("User: …", "Bot: …"). After a broken connection it
# connects again and names the last id that came, so that no line is missing and none comes twice.
# Ends with 0 when the conversation has ended, 1 when it was interrupted, 2 when the server refuses,
# 3 after 100 failed connections in a row. API key, where the server wants one: DUOLOGUE_API_KEY.

set -u
url=${1:?"usage: follow.sh EVENTS_URL"}
folder=$(mktemp -d) || exit 3
curl= last= failed=0
trap 'kill $curl 2>/dev/null; rm -rf "$folder"' EXIT
trap 'exit 130' INT TERM
mkfifo "$folder/events"

connect() { # the answer's lines go to the pipe, and its status behind them
  curl -sN --connect-timeout 10 --speed-limit 1 --speed-time 45 -w '\nhttp %{http_code}\n' \
    -H 'Accept: text/event-stream' -H "Last-Event-ID:${last:+ $last}" \
    -H "X-API-Key:${DUOLOGUE_API_KEY:+ $DUOLOGUE_API_KEY}" "$url" >"$folder/events" &
  curl=$!
}

say() { # a message's role and text, JSON's escapes undone (but rare \u001b and the like, in some shells)
  line=$(printf '%s\n' "$1" | sed -n \
    's/^{"role":"\([a-z]*\)","text":"\(.*\)","index":.*/\1: \2/; s/^user/User/; s/^assistant/Bot/; s/\\"/"/g; p')
  printf '%b\n' "$line"
}

end() { # the data of a done event; a server that stops ends its streams, not the conversation
  case $1 in
    *'"end_reason":"server_stopped"'*) return ;;
    *'"status":"interrupted"'*) exit 1 ;;
    *) exit 0 ;;
  esac
}

while [ "$failed" -lt 100 ]; do
  failed=$((failed + 1))
  connect
  id= event= data=
  while IFS= read -r line; do
    case $line in
      'id: '*) id=${line#id: } ;;
      'event: '*) event=${line#event: } ;;
      'data: '*) data=${line#data: } ;;
      '') # the event is complete
        if [ -n "$data" ]; then
          last=$id failed=0
          case $event in
            message) say "$data" ;;
            error) printf '%s\n' "$data" >&2 ;;
            done) end "$data" ;;
          esac
        fi
        event= data= ;;
      'http 204') exit 0 ;;
      'http 4'*) printf 'refused: %s\n' "$line" >&2; exit 2 ;;
    esac
  done <"$folder/events"
  wait "$curl"
  sleep 1
done
exit 3
