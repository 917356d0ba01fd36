<?php

declare(strict_types=1);

namespace Fantail\WebSocket;

/**
 * A WebSocket connection of a client (RFC 6455), on PHP's streams.
 *
 *     $connection = Connection::open('wss://example.com/demo', new Options(origin: '...'));
 *     $connection->sendText('hello');
 *     $message = $connection->receive(5.0);
 *
 * It answers pings, and pings a silent server, in every method that waits. Who does other things
 * for longer than the server waits for a pong finds the connection closed.
 *
 * Every method throws a ClosedException once the connection is closed and, where it is received,
 * read to the end; a TimeoutException if the server does not go on; a ProtocolException if it
 * breaks the rules.
 */
final class Connection
{
    /** How long a destructor waits for the server's goodbye, in seconds. */
    private const GOODBYE = 1.0;

    /** The subprotocol that the server chose; empty if none. */
    public readonly string $subprotocol;
    private readonly Stream $stream;
    private readonly Traffic $traffic;

    /** The message in fragments that has begun to be sent, if one has. */
    private ?Opcode $sending = null;
    private int $roundTrips = 0;

    private function __construct(Url $url, private readonly Options $options)
    {
        $handshake = new Handshake($url, $options);
        $request = $handshake->request();
        $this->stream = Stream::open($url, $options);
        $opening = new Opening($this->stream, Traffic::now() + $options->timeout);
        $this->subprotocol = $opening->perform($handshake, $request);
        $this->traffic = new Traffic($this->stream, $options, $opening->rest());
    }

    public function __destruct()
    {
        // Without it the constructor has failed.
        if (isset($this->traffic)) {
            $this->close(patience: self::GOODBYE);
        }
    }

    /**
     * Connects, and shakes hands.
     *
     * @throws \InvalidArgumentException if the URL is none
     * @throws ConnectException          if the server cannot be reached
     * @throws HandshakeException        if it refuses
     */
    public static function open(string $url, Options $options = new Options()): self
    {
        return new self(Url::parse($url), $options);
    }

    /** Sends text, which must be UTF-8. */
    public function sendText(string $text): void
    {
        if (preg_match('//u', $text) !== 1) {
            throw new \InvalidArgumentException('Text must be UTF-8.');
        }
        $this->sendMessage($text, Opcode::Text);
    }

    /** Sends bytes. */
    public function sendBinary(string $bytes): void
    {
        $this->sendMessage($bytes, Opcode::Binary);
    }

    /** Sends a part of a message, as parts come; $last ends it. */
    public function sendFragment(string $part, bool $last, bool $binary = false): void
    {
        $opcode = $binary ? Opcode::Binary : Opcode::Text;
        if ($this->sending !== null && $this->sending !== $opcode) {
            throw new \LogicException('The message has begun as another kind.');
        }
        $frame = new Frame($this->sending === null ? $opcode : Opcode::Continuation, $part, $last);
        $this->sending = $last ? null : $opcode;
        $this->traffic->send($frame);
    }

    /**
     * The next message; null if none comes within $patience seconds.
     *
     * @param ?float $patience null: waits for as long as the connection lives
     */
    public function receive(?float $patience = null): ?Message
    {
        $deadline = $patience === null ? INF : Traffic::now() + $patience;
        // What is there already is taken even without patience.
        $left = max(0.0, $patience ?? INF);
        while (!$this->traffic->hasMessage() && $this->traffic->isOpen()) {
            $this->traffic->step($left);
            $left = $deadline - Traffic::now();
            if ($left <= 0) {
                break;
            }
        }
        if (!$this->traffic->hasMessage()) {
            $this->traffic->assertOpen();
            return null;
        }
        return $this->traffic->takeMessage();
    }

    /** Waits up to $patience seconds until something happens, be it a ping. */
    public function wait(float $patience): void
    {
        $this->traffic->assertOpen();
        $this->traffic->step(max(0.0, $patience));
        if (!$this->traffic->hasMessage()) {
            $this->traffic->assertOpen();
        }
    }

    /** Whether receive() has something at once. */
    public function hasMessage(): bool
    {
        return $this->traffic->hasMessage();
    }

    /** Waits until the server has taken, in their order, all messages that were sent so far. */
    public function roundTrip(): void
    {
        $payload = 'round-trip-' . ++$this->roundTrips;
        $this->ping($payload);
        $deadline = Traffic::now() + $this->options->timeout;
        while ($this->traffic->pong() !== $payload) {
            $this->traffic->assertOpen();
            $left = $deadline - Traffic::now();
            if ($left <= 0) {
                throw new TimeoutException("No answer to a ping within {$this->options->timeout} s.");
            }
            $this->traffic->step($left);
        }
    }

    /** Sends a ping, of at most 125 bytes. */
    public function ping(string $payload = ''): void
    {
        if (strlen($payload) > Frame::LONGEST_CONTROL) {
            throw new \InvalidArgumentException('A ping has at most 125 bytes.');
        }
        $this->traffic->send(new Frame(Opcode::Ping, $payload));
    }

    /**
     * Closes the connection, and waits up to $patience seconds until the server agrees. Messages
     * that come meanwhile are lost; those that came before can be received.
     *
     * @param int $code 1000, or an application's own from 3000 to 4999
     */
    public function close(int $code = 1000, string $reason = '', float $patience = 2.0): void
    {
        $this->traffic->close($code, $reason, $patience);
    }

    /** Whether the connection is open, as far as is known. */
    public function isOpen(): bool
    {
        return $this->traffic->isOpen();
    }

    /** How many bytes have come, the handshake and all frames included. */
    public function bytesReceived(): int
    {
        return $this->stream->received;
    }

    /** How many bytes have been sent, the handshake and all frames included. */
    public function bytesSent(): int
    {
        return $this->stream->sent;
    }

    /** Why the connection has ended; null if it has not, as far as is known. */
    public function end(): ?WebSocketException
    {
        return $this->traffic->end();
    }

    /**
     * The stream, to wait for several in stream_select(); nothing else is to be done with it. It
     * need not be readable while hasMessage() is true.
     *
     * @return resource
     */
    public function stream()
    {
        return $this->stream->resource();
    }

    private function sendMessage(string $payload, Opcode $opcode): void
    {
        if ($this->sending !== null) {
            throw new \LogicException('A message in fragments has not ended yet.');
        }
        $parts = $payload === '' ? [''] : str_split($payload, max(1, $this->options->fragment));
        $last = count($parts) - 1;
        foreach ($parts as $number => $part) {
            $kind = $number === 0 ? $opcode : Opcode::Continuation;
            $this->traffic->send(new Frame($kind, $part, $number === $last));
        }
    }
}
