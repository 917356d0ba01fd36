<?php

declare(strict_types=1);

namespace Fantail\WebSocket;

/** The server breaks RFC 6455, or passes a limit of this client; the connection is closed. */
final class ProtocolException extends WebSocketException
{
    /** @param int $closeCode what the server was told: 1002, 1007, or 1009 for a limit */
    public function __construct(string $message, public readonly int $closeCode = 1002)
    {
        parent::__construct($message, $closeCode);
    }
}
