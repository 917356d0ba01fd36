<?php

declare(strict_types=1);

namespace Fantail\Drc\Legacy;

use Fantail\Drc\RefusedException;
use Fantail\WebSocket\ClosedException;
use Fantail\WebSocket\ConnectException;
use Fantail\WebSocket\HandshakeException;
use Fantail\WebSocket\ProtocolException;
use Fantail\WebSocket\TimeoutException;

/**
 * Exceptions as the arrays that scripts for php-drc look at: success, error, errorcode.
 *
 * @internal
 */
final class Failure
{
    /** @return array<string, mixed> */
    public static function of(\Throwable $exception): array
    {
        // What the server says is handed on as it is.
        return $exception instanceof RefusedException
            ? $exception->reply
            : self::make($exception->getMessage(), self::code($exception));
    }

    /** @return array{success: false, error: string, errorcode: string} */
    public static function make(string $error, string $code): array
    {
        return ['success' => false, 'error' => $error, 'errorcode' => $code];
    }

    /** @return array{success: false, error: string, errorcode: string} */
    public static function noConnection(): array
    {
        return self::make('There is no connection.', 'no_connection');
    }

    private static function code(\Throwable $exception): string
    {
        return match (true) {
            $exception instanceof ConnectException => 'connect_failed',
            $exception instanceof HandshakeException => $exception->status === 101
                ? 'invalid_server_websocket_accept_header'
                : 'incorrect_server_response',
            $exception instanceof ClosedException => $exception->closeCode === 1006
                ? 'fread_failed'
                : 'connection_closed',
            $exception instanceof TimeoutException => 'ping_failed',
            $exception instanceof ProtocolException => $exception->closeCode === 1009
                ? 'max_read_message_size_exceeded'
                : 'bad_frame',
            default => 'invalid_argument',
        };
    }
}
