<?php

declare(strict_types=1);

namespace Fantail\WebSocket;

/** The server answers, but not with a WebSocket connection. */
final class HandshakeException extends WebSocketException
{
    /**
     * @param int    $status the HTTP status; 0 if the answer is not HTTP
     * @param string $body   what the server said about it, or its beginning
     */
    public function __construct(
        string $message,
        public readonly int $status = 0,
        public readonly string $body = '',
    ) {
        parent::__construct($message, $status);
    }

    /** Whether it may be otherwise in a while: the server is full, or about to start or to end. */
    public function isTemporary(): bool
    {
        return $this->status === 0 || $this->status === 429 || $this->status >= 500;
    }
}
