<?php

declare(strict_types=1);

namespace Fantail;

/**
 * A connection to the control port, which answers the server's pings while it waits.
 *
 * @internal
 */
final class Connection
{
    private const PART = 65536;

    /** @var resource */
    private $socket;

    private string $received = '';

    /**
     * @param string  $address unix:///path or tcp://host:port
     * @param ?string $secret  what a control port on TCP wants to hear first
     * @param float   $timeout seconds to wait for the server
     */
    public function __construct(
        string $address,
        #[\SensitiveParameter] ?string $secret,
        private readonly float $timeout,
    ) {
        $socket = @stream_socket_client($address, $code, $reason, $timeout);
        if ($socket === false) {
            throw new ConnectionException("Cannot connect to $address: $reason.", $code);
        }
        stream_set_blocking($socket, false);
        $this->socket = $socket;
        if ($secret !== null) {
            $this->send('h', $secret);
            if ($this->receive()->letter !== 'a') {
                throw new RefusedException("$address refuses the secret.");
            }
        }
    }

    public function __destruct()
    {
        $this->close();
    }

    /** Takes leave. */
    public function close(): void
    {
        if (is_resource($this->socket)) {
            @fwrite($this->socket, Frame::encode('q', ''));
            fclose($this->socket);
        }
    }

    /** Whether the server has not closed the connection so far. */
    public function isOpen(): bool
    {
        if (!is_resource($this->socket)) {
            return false;
        }
        // What came meanwhile can only be a ping or the end.
        try {
            $this->read(0.0);
            $this->takePings();
        } catch (ConnectionException) {
            return false;
        }
        return !feof($this->socket);
    }

    /** Sends one frame. */
    public function send(string $letter, string $payload = ''): void
    {
        $this->write(Frame::encode($letter, $payload));
    }

    /** Waits for a frame; null if there is none within $patience seconds. */
    public function poll(float $patience): ?Frame
    {
        $deadline = microtime(true) + $patience;
        while (true) {
            $frame = Frame::take($this->received);
            if ($frame === null) {
                $left = $deadline - microtime(true);
                if ($left <= 0 || !$this->read($left)) {
                    return null;
                }
            } elseif ($frame->letter === 'p') {
                $this->send('P');
            } elseif ($frame->letter === 'E') {
                $this->close();
                throw new RefusedException(
                    'The server calls this an error: text that is not UTF-8, a token that has '
                    . 'not 32 bytes, a frame that is too long, or a wrong secret.',
                );
            } else {
                return $frame;
            }
        }
    }

    /** Waits for an answer. */
    public function receive(): Frame
    {
        $frame = $this->poll($this->timeout);
        if ($frame === null) {
            // An answer that comes later would be taken for that to another question.
            $this->close();
            throw new ConnectionException("No answer within {$this->timeout} s.");
        }
        return $frame;
    }

    /** Sends one frame and waits for its answer. */
    public function request(string $letter, string $payload = ''): Frame
    {
        $this->send($letter, $payload);
        return $this->receive();
    }

    private function takePings(): void
    {
        while (str_starts_with($this->received, '0p')) {
            $this->received = substr($this->received, 2);
            $this->send('P');
        }
    }

    /** Reads what is there, waiting up to $patience seconds for it; false if nothing comes. */
    private function read(float $patience): bool
    {
        if (!is_resource($this->socket)) {
            throw new ConnectionException('The connection is closed.');
        }
        $readable = [$this->socket];
        $none = [];
        $seconds = (int) $patience;
        $microseconds = (int) (($patience - $seconds) * 1e6);
        if (@stream_select($readable, $none, $none, $seconds, $microseconds) < 1) {
            return false;
        }
        $part = fread($this->socket, self::PART);
        if (($part === '' || $part === false) && feof($this->socket)) {
            if ($patience <= 0) {
                return false;
            }
            throw new ConnectionException('The server closed the connection.');
        }
        $this->received .= $part;
        return true;
    }

    private function write(string $bytes): void
    {
        if (!is_resource($this->socket)) {
            throw new ConnectionException('The connection is closed.');
        }
        $deadline = microtime(true) + $this->timeout;
        while ($bytes !== '') {
            $written = @fwrite($this->socket, $bytes);
            if ($written === false || feof($this->socket)) {
                // What the server said before tells more.
                $this->poll(0.1);
                throw new ConnectionException('The server closed the connection.');
            }
            $bytes = substr($bytes, $written);
            $left = $deadline - microtime(true);
            if ($bytes !== '' && $left <= 0) {
                throw new ConnectionException("The server took nothing for {$this->timeout} s.");
            }
            if ($bytes !== '') {
                $none = [];
                $writable = [$this->socket];
                @stream_select($none, $writable, $none, 0, 100_000);
            }
        }
    }
}
