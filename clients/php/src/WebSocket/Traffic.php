<?php

declare(strict_types=1);

namespace Fantail\WebSocket;

/**
 * What goes on on an open connection: frames both ways, pings, the close.
 *
 * Nothing is written but what is in $unsent, and nothing is waited for but in step(). Once $end is set,
 * the stream is closed, and only messages that have come before can still be taken.
 *
 * @internal
 */
final class Traffic
{
    private readonly FrameReader $frames;
    private readonly Assembly $assembly;

    /** @var \SplQueue<Message> */
    private \SplQueue $messages;
    /** The sum of the bytes in $messages. */
    private int $unread = 0;
    private string $unsent = '';

    /** When the server was heard last. */
    private float $heard;
    private bool $pinged = false;
    /** The payload of the pong that has come last. */
    private ?string $pong = null;

    /** How it ends when this side has said goodbye. */
    private ?ClosedException $goodbye = null;
    /** Why nothing goes on; null as long as something does. */
    private ?WebSocketException $end = null;

    /** @param string $received what has come after the handshake's answer */
    public function __construct(
        private readonly Stream $stream,
        private readonly Options $options,
        string $received,
    ) {
        $this->frames = new FrameReader($options);
        $this->assembly = new Assembly($options);
        $this->messages = new \SplQueue();
        $this->heard = self::now();
        $this->takeBytes($received);
    }

    /** Seconds of a clock that never jumps. */
    public static function now(): float
    {
        return hrtime(true) / 1e9;
    }

    public function isOpen(): bool
    {
        return $this->end === null && $this->goodbye === null;
    }

    public function end(): ?WebSocketException
    {
        return $this->end;
    }

    public function assertOpen(): void
    {
        if ($this->end !== null) {
            throw $this->end;
        }
    }

    public function hasMessage(): bool
    {
        return !$this->messages->isEmpty();
    }

    public function takeMessage(): Message
    {
        $message = $this->messages->dequeue();
        $this->unread -= strlen($message->payload);
        return $message;
    }

    /** The payload of the pong that has come last. */
    public function pong(): ?string
    {
        return $this->pong;
    }

    /** Writes all of a frame, reading meanwhile: the server may not read before it has written. */
    public function send(Frame $frame): void
    {
        $this->assertOpen();
        $this->unsent .= $frame->masked();
        $this->writeSome();
        $deadline = self::now() + $this->options->timeout;
        while ($this->unsent !== '') {
            $before = strlen($this->unsent);
            $left = $deadline - self::now();
            if ($left <= 0) {
                throw $this->finish(new TimeoutException(
                    "The server took nothing for {$this->options->timeout} s.",
                ));
            }
            $this->step($left);
            if (strlen($this->unsent) < $before) {
                $deadline = self::now() + $this->options->timeout;
            }
        }
        $this->assertOpen();
    }

    /** Waits up to $patience seconds for the stream; reads and writes what it can. */
    public function step(float $patience): void
    {
        $reading = $this->unread < $this->options->maxUnread;
        $silence = self::now() - $this->heard;
        $patience = max(0.0, min($patience, $this->options->keepAlive - $silence));
        if ($this->stream->wait($patience, $reading, $this->unsent !== '')) {
            $this->writeSome();
            if ($reading && $this->end === null) {
                $this->readSome();
            }
        }
        if ($reading && $this->end === null) {
            $this->keepAlive();
        }
    }

    /** Says goodbye, and waits up to $patience seconds for the answer. */
    public function close(int $code, string $reason, float $patience): void
    {
        if (!$this->isOpen()) {
            return;
        }
        $this->goodbye = new ClosedException('The connection is closed.', $code, $reason);
        try {
            $this->unsent .= Frame::close($code, $reason)->masked();
            $deadline = self::now() + $patience;
            while ($this->end === null && ($left = $deadline - self::now()) > 0) {
                $this->step($left);
            }
        } catch (WebSocketException) {
            // It is over in any case.
        }
        $this->finish($this->goodbye);
    }

    private function readSome(): void
    {
        $this->takeBytes($this->stream->read());
        if ($this->end === null && $this->stream->isAtEnd()) {
            $this->finish(new ClosedException('The connection was lost.'));
        }
    }

    private function writeSome(): void
    {
        if ($this->unsent === '') {
            return;
        }
        $written = $this->stream->write($this->unsent);
        if ($written !== null) {
            $this->unsent = substr($this->unsent, $written);
            return;
        }
        // What the server said before tells more.
        $this->takeBytes($this->stream->read());
        $this->finish(new ClosedException('The connection was lost.'));
    }

    private function keepAlive(): void
    {
        if (self::now() < $this->heard + $this->options->keepAlive) {
            return;
        }
        if ($this->pinged) {
            throw $this->finish(new TimeoutException(
                "The server is silent for {$this->options->keepAlive} s, also when pinged.",
            ));
        }
        $this->pinged = true;
        $this->heard = self::now();
        $this->unsent .= (new Frame(Opcode::Ping, ''))->masked();
        $this->writeSome();
    }

    private function takeBytes(string $bytes): void
    {
        if ($bytes === '') {
            return;
        }
        $this->heard = self::now();
        $this->pinged = false;
        try {
            $this->frames->append($bytes);
            while ($this->end === null && ($frame = $this->frames->next()) !== null) {
                $this->takeFrame($frame);
            }
        } catch (ProtocolException $fault) {
            $this->stream->write(Frame::close($fault->closeCode, '')->masked());
            throw $this->finish($fault);
        }
    }

    private function takeFrame(Frame $frame): void
    {
        match ($frame->opcode) {
            Opcode::Ping => $this->answerPing($frame->payload),
            Opcode::Pong => $this->pong = $frame->payload,
            Opcode::Close => $this->takeClose($frame->payload),
            default => $this->takeMessagePart($frame),
        };
    }

    private function answerPing(string $payload): void
    {
        if ($this->goodbye === null) {
            $this->unsent .= (new Frame(Opcode::Pong, $payload))->masked();
            $this->writeSome();
        }
    }

    private function takeMessagePart(Frame $frame): void
    {
        $message = $this->assembly->take($frame);
        if ($message !== null && $this->goodbye === null) {
            $this->messages->enqueue($message);
            $this->unread += strlen($message->payload);
        }
    }

    private function takeClose(string $payload): void
    {
        if ($this->goodbye !== null) {
            $this->finish($this->goodbye);
            return;
        }
        $code = strlen($payload) >= 2 ? unpack('n', $payload)[1] : 1005;
        $reason = substr($payload, 2);
        if (strlen($payload) === 1 || preg_match('//u', $reason) !== 1) {
            throw new ProtocolException('The server sent a faulty close frame.');
        }
        $this->stream->write((new Frame(Opcode::Close, substr($payload, 0, 2)))->masked());
        $said = rtrim("$code $reason");
        $this->finish(new ClosedException("The server closed the connection: $said", $code, $reason));
    }

    private function finish(WebSocketException $end): WebSocketException
    {
        if ($this->end === null) {
            $this->end = $end;
            $this->unsent = '';
            $this->stream->close();
        }
        return $end;
    }
}
