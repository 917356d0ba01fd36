<?php

declare(strict_types=1);

namespace Fantail\Drc\Legacy;

use Fantail\Drc\Session;
use Fantail\FantailException;
use Fantail\WebSocket\Connection;
use Fantail\WebSocket\Options;

/**
 * What DRCClient of php-drc has from its WebSocket class, with the same names and results.
 *
 * All that is written is written at once. Whether a method is successful stands in its result:
 * nothing here throws an exception.
 */
abstract class Socket
{
    public const FRAMETYPE_CONTINUATION = 0x0;
    public const FRAMETYPE_TEXT = 0x1;
    public const FRAMETYPE_BINARY = 0x2;
    public const FRAMETYPE_CONNECTION_CLOSE = 0x8;
    public const FRAMETYPE_PING = 0x9;
    public const FRAMETYPE_PONG = 0xA;

    public const CLOSE_IMMEDIATELY = 0;
    public const CLOSE_AFTER_CURRENT_MESSAGE = 1;
    public const CLOSE_AFTER_ALL_MESSAGES = 2;

    /** The last one, whose channels are known also when it has ended. */
    protected ?Session $session = null;
    private bool $isConnected = false;
    private Options $options;

    public function __construct()
    {
        $this->Reset();
    }

    /** Forgets connection and settings. */
    public function Reset()
    {
        $this->session = null;
        $this->isConnected = false;
        $this->options = Session::options('');
    }

    /** Without effect: there are no extensions. */
    public function SetExtensions($extensions)
    {
    }

    /** Without effect: what was written has been sent. */
    public function SetCloseMode($mode)
    {
    }

    /** After how many seconds of silence the server is pinged. */
    public function SetKeepAliveTimeout($keepalive)
    {
        $this->options->keepAlive = (float) $keepalive;
    }

    public function GetKeepAliveTimeout()
    {
        return (int) $this->options->keepAlive;
    }

    /** In bytes; false: any. */
    public function SetMaxReadFrameSize($maxsize)
    {
        $this->options->maxFrame = is_bool($maxsize) ? PHP_INT_MAX : (int) $maxsize;
    }

    /** In bytes; false: any. */
    public function SetMaxReadMessageSize($maxsize)
    {
        $this->options->maxMessage = is_bool($maxsize) ? PHP_INT_MAX : (int) $maxsize;
    }

    public function GetRawRecvSize()
    {
        return $this->session?->connection->bytesReceived() ?? 0;
    }

    public function GetRawSendSize()
    {
        return $this->session?->connection->bytesSent() ?? 0;
    }

    /**
     * Connects. The third argument may be left out, as in later versions of php-drc.
     *
     * @param array<string, mixed> $options headers, connecttimeout, sslopts
     */
    public function Connect($url, $origin, $profile = 'auto', $options = [], $web = false)
    {
        $this->Disconnect();
        $options = is_array($profile) ? $profile : (array) $options;
        if (isset($options['fp'])) {
            return Failure::make('A stream of your own cannot be used.', 'unsupported_option');
        }
        $this->options->origin = (string) $origin === '' ? null : (string) $origin;
        $this->options->headers = [];
        foreach ($options['headers'] ?? [] as $name => $value) {
            $this->options->headers[$name] = implode(', ', (array) $value);
        }
        $this->options->timeout = (float) ($options['connecttimeout'] ?? 10);
        // What begins so is meant for the class of the original, not for PHP.
        $isForPhp = static fn (string $name): bool => !str_starts_with($name, 'auto_');
        $this->options->tls =
            array_filter($options['sslopts'] ?? [], $isForPhp, ARRAY_FILTER_USE_KEY);
        try {
            $this->session = new Session(Connection::open((string) $url, $this->options));
        } catch (\InvalidArgumentException $exception) {
            return Failure::make($exception->getMessage(), 'protocol_check');
        } catch (FantailException $exception) {
            return Failure::of($exception);
        }
        $this->isConnected = true;
        return ['success' => true];
    }

    public function Disconnect()
    {
        $this->session?->connection->close();
        $this->isConnected = false;
    }

    /** The next message as 'data'; false if there is none and $wait is false. */
    public function Read($finished = true, $wait = false)
    {
        return $this->attempt(fn (Session $session): array => [
            'success' => true,
            'data' => $session->receive($wait === false ? 0.0 : null) ?? false,
        ]);
    }

    public function Write($message, $frametype, $last = true, $wait = false, $pos = false)
    {
        return $this->attempt(function (Session $session) use ($message, $frametype, $last): array {
            $message = (string) $message;
            match ($frametype) {
                self::FRAMETYPE_TEXT =>
                    $session->connection->sendFragment($message, (bool) $last),
                self::FRAMETYPE_BINARY =>
                    $session->connection->sendFragment($message, (bool) $last, binary: true),
                self::FRAMETYPE_PING => $session->connection->ping($message),
                self::FRAMETYPE_CONNECTION_CLOSE => $session->connection->close(),
                default => throw new \InvalidArgumentException("No frame to send: $frametype."),
            };
            return ['success' => true];
        });
    }

    /** Always false: what was written has been sent. */
    public function NeedsWrite()
    {
        return false;
    }

    /** For stream_select(); false if there is no connection. */
    public function GetStream()
    {
        return $this->session?->connection->isOpen() ? $this->session->connection->stream() : false;
    }

    /** Waits until something has come, or $timeout seconds. */
    public function Wait($timeout = false)
    {
        return $this->attempt(function (Session $session) use ($timeout): array {
            $longest = $this->options->keepAlive;
            if (!$session->hasMessage()) {
                $patience = $timeout === false ? $longest : min((float) $timeout, $longest);
                $session->connection->wait($patience);
            }
            return ['success' => true];
        });
    }

    /** As Wait(0), for who has waited in stream_select(). */
    public function ProcessQueuesAndTimeoutState($read, $write)
    {
        return $this->Wait(0);
    }

    /**
     * @param  callable(Session): array<string, mixed> $action
     * @return array<string, mixed>
     */
    protected function attempt(callable $action): array
    {
        if ($this->session === null || !$this->isConnected) {
            return Failure::noConnection();
        }
        try {
            return $action($this->session);
        } catch (FantailException | \InvalidArgumentException | \LogicException $exception) {
            return Failure::of($exception);
        }
    }
}
