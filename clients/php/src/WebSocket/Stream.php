<?php

declare(strict_types=1);

namespace Fantail\WebSocket;

/**
 * Bytes to and from a server, with or without TLS. Nothing waits but wait().
 *
 * @internal
 */
final class Stream
{
    private const PART = 65536;
    /** In seconds; who waits for ever waits again. */
    private const LONGEST_WAIT = 3600.0;

    /** Bytes so far. */
    public int $received = 0;
    public int $sent = 0;

    /** @param resource $stream */
    private function __construct(private $stream)
    {
        stream_set_blocking($stream, false);
    }

    /** Connects within $timeout seconds. */
    public static function open(Url $url, Options $options): self
    {
        $context = stream_context_create([
            'ssl' => $options->tls,
            'socket' => ['tcp_nodelay' => true],
        ]);
        // With TLS, the reason stands in a warning.
        $warning = '';
        set_error_handler(static function (int $level, string $text) use (&$warning): bool {
            $warning = $warning === '' ? $text : $warning;
            return true;
        });
        try {
            $stream = stream_socket_client(
                $url->transport(),
                $code,
                $reason,
                $options->timeout,
                STREAM_CLIENT_CONNECT,
                $context,
            );
        } finally {
            restore_error_handler();
        }
        if ($stream === false) {
            $reason = trim($reason) === '' ? $warning : $reason;
            throw new ConnectException("Cannot connect to {$url->transport()}: $reason", (int) $code);
        }
        return new self($stream);
    }

    /** @return resource for stream_select() */
    public function resource()
    {
        return $this->stream;
    }

    /**
     * Waits until there is something to read or, if asked for, room to write.
     *
     * @return bool whether it is worth trying
     */
    public function wait(float $seconds, bool $reading, bool $writing): bool
    {
        $readable = $reading ? [$this->stream] : [];
        $writable = $writing ? [$this->stream] : [];
        $none = [];
        if (!$reading && !$writing) {
            usleep((int) (min($seconds, 0.1) * 1e6));
            return false;
        }
        $seconds = min($seconds, self::LONGEST_WAIT);
        $whole = (int) $seconds;
        $micro = (int) (($seconds - $whole) * 1e6);
        $count = @stream_select($readable, $writable, $none, $whole, $micro);
        if ($count === false) {
            // A signal, or a descriptor beyond what select() can do: reading itself can tell.
            usleep(1000);
            return true;
        }
        return $count > 0;
    }

    /** What has come; empty if nothing has, or at the end. */
    public function read(): string
    {
        // TLS may hold back what select() does not know of: hence once more after a full part.
        $bytes = '';
        do {
            $part = @fread($this->stream, self::PART);
            $bytes .= (string) $part;
        } while ($part !== false && $part !== '' && strlen($bytes) < 16 * self::PART);
        $this->received += strlen($bytes);
        return $bytes;
    }

    /** Whether the server has closed its side, or the connection is lost. */
    public function isAtEnd(): bool
    {
        return !is_resource($this->stream) || feof($this->stream);
    }

    /** Writes what there is room for; how much that was, null if the connection is lost. */
    public function write(string $bytes): ?int
    {
        $written = @fwrite($this->stream, $bytes);
        $this->sent += (int) $written;
        return $written === false ? null : $written;
    }

    public function close(): void
    {
        if (is_resource($this->stream)) {
            fclose($this->stream);
        }
    }
}
