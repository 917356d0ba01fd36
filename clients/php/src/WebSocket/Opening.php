<?php

declare(strict_types=1);

namespace Fantail\WebSocket;

/**
 * Sends the handshake's request and waits for the answer.
 *
 * @internal
 */
final class Opening
{
    private const END_OF_HEAD = "\r\n\r\n";
    /** How long a refusal may take to explain itself, in seconds. */
    private const EXPLANATION = 1.0;

    private string $received = '';

    /** @param float $deadline in seconds of hrtime() */
    public function __construct(private readonly Stream $stream, private readonly float $deadline)
    {
    }

    /** @return string the subprotocol that the server chose */
    public function perform(Handshake $handshake, string $request): string
    {
        try {
            $this->write($request);
            $head = $this->head();
            try {
                return $handshake->check($head);
            } catch (HandshakeException $refusal) {
                throw Handshake::explained($refusal, $this->body($head));
            }
        } catch (WebSocketException $exception) {
            $this->stream->close();
            throw $exception;
        }
    }

    /** What came after the answer: the first frames. */
    public function rest(): string
    {
        return $this->received;
    }

    private function write(string $request): void
    {
        while ($request !== '') {
            $this->wait($this->deadline, writing: true);
            $written = $this->stream->write($request);
            if ($written === null) {
                throw new HandshakeException('The server closed the connection without an answer.');
            }
            $request = substr($request, $written);
        }
    }

    private function head(): string
    {
        while (($end = strpos($this->received, self::END_OF_HEAD)) === false) {
            if (strlen($this->received) > Handshake::LONGEST_HEAD) {
                throw new HandshakeException('What answers is no web server.');
            }
            if (!$this->read($this->deadline)) {
                throw new HandshakeException('The server closed the connection without an answer.');
            }
        }
        $head = substr($this->received, 0, $end);
        $this->received = substr($this->received, $end + strlen(self::END_OF_HEAD));
        return $head;
    }

    private function body(string $head): string
    {
        $announced = preg_match('/^Content-Length:[ \t]*([0-9]{1,9})[ \t]*\r?$/im', $head, $length);
        $wanted = $announced === 1 ? min((int) $length[1], Handshake::LONGEST_HEAD) : Handshake::LONGEST_HEAD;
        try {
            $deadline = min($this->deadline, hrtime(true) / 1e9 + self::EXPLANATION);
            while (strlen($this->received) < $wanted && $this->read($deadline)) {
                // On to the next part.
            }
        } catch (TimeoutException) {
            // What came is enough.
        }
        return substr($this->received, 0, $wanted);
    }

    private function read(float $deadline): bool
    {
        $this->wait($deadline, writing: false);
        $part = $this->stream->read();
        $this->received .= $part;
        return $part !== '' || !$this->stream->isAtEnd();
    }

    private function wait(float $deadline, bool $writing): void
    {
        $left = $deadline - hrtime(true) / 1e9;
        if ($left <= 0 || !$this->stream->wait($left, !$writing, $writing)) {
            throw new TimeoutException('The server did not answer the handshake in time.');
        }
    }
}
