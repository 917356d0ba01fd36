<?php

// A WebSocket client as fragile as those that users of WSMessageBroker have. It is here to see that
// the server never does what kills it:
//
//   - the answer to the handshake and the first frame are read at once, and both must be there;
//   - a frame's header is read at once: a header in two segments is one that is not whole;
//   - as many bytes are read as the header says, and PHP does not read 0 of them;
//   - what is neither text nor a ping is not known, a close frame neither.
//
// It sends binary frames, and goes without a close frame.

declare(strict_types=1);

final class FragileWebSocket
{
    private const TEXT = 0x81;
    private const PING = 0x89;

    /** @var resource */
    private $socket;

    /** What the server says first. */
    public readonly string $welcome;

    public function __construct(string $host, int $port, string $user, string $password, float $patience = 60.0)
    {
        $this->socket = stream_socket_client("tcp://$host:$port", timeout: 5.0);
        stream_set_timeout($this->socket, (int) $patience, (int) (fmod($patience, 1.0) * 1e6));
        $key = base64_encode(random_bytes(16));
        fwrite($this->socket, "GET / HTTP/1.1\r\n"
            . "Host: $host:$port\r\n"
            . "Upgrade: websocket\r\n"
            . "Connection: Upgrade\r\n"
            . "Sec-WebSocket-Key: $key\r\n"
            . "Sec-WebSocket-Version: 13\r\n"
            . 'Authorization: Basic ' . base64_encode("$user:$password") . "\r\n\r\n");
        $answer = fread($this->socket, 2048);
        [$head, $frame] = explode("\r\n\r\n", $answer, 2) + [1 => ''];
        if (!str_contains($head, ' 101 ')) {
            throw new RuntimeException("no WebSocket: $head");
        }
        if (strlen($frame) < 2 || ord($frame[0]) !== self::TEXT) {
            throw new RuntimeException('the first frame is not there');
        }
        // It is short.
        $this->welcome = substr($frame, 2, ord($frame[1]));
    }

    /** Sends a binary frame. */
    public function send(string $payload): void
    {
        $this->sendFrame(0x82, $payload);
    }

    /** The next text. */
    public function receive(): string
    {
        while (true) {
            [$first, $payload] = $this->receiveFrame();
            if ($first === self::TEXT) {
                return $payload;
            }
            if ($first !== self::PING) {
                throw new RuntimeException(sprintf('a frame that is not known: %02x', $first));
            }
            $this->sendFrame(0x8a, $payload);
        }
    }

    public function close(): void
    {
        fclose($this->socket);
    }

    /** @return array{int, string} */
    private function receiveFrame(): array
    {
        $header = fread($this->socket, 2);
        if ($header === '') {
            throw new RuntimeException(feof($this->socket) ? 'the server is gone' : 'the server is silent');
        }
        // A header of one byte ends here.
        ['first' => $first, 'length' => $length] = unpack('Cfirst/Clength', $header);
        if ($length === 126) {
            $length = unpack('n', fread($this->socket, 2))[1];
        } elseif ($length === 127) {
            $length = unpack('J', fread($this->socket, 8))[1];
        }
        $payload = fread($this->socket, $length);
        while (strlen($payload) < $length) {
            $payload .= fread($this->socket, $length - strlen($payload));
        }
        return [$first, $payload];
    }

    private function sendFrame(int $first, string $payload): void
    {
        $length = strlen($payload);
        $header = match (true) {
            $length < 126 => pack('CC', $first, 0x80 | $length),
            $length < 65536 => pack('CCn', $first, 0xfe, $length),
            default => pack('CCJ', $first, 0xff, $length),
        };
        $key = random_bytes(4);
        fwrite($this->socket, $header . $key . ($payload ^ str_repeat($key, intdiv($length, 4) + 1)));
    }
}
