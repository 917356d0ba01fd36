<?php

declare(strict_types=1);

namespace Fantail\WebSocket;

/** The connection is closed. */
final class ClosedException extends WebSocketException
{
    /**
     * @param int    $closeCode   RFC 6455 section 7.4; 1005 if the server gave none, 1006 if the
     *                            connection was lost without a word
     * @param string $closeReason what the server said
     */
    public function __construct(
        string $message,
        public readonly int $closeCode = 1006,
        public readonly string $closeReason = '',
    ) {
        parent::__construct($message, $closeCode);
    }

    /** In how many seconds the server wants to be asked again; 0 if it did not say. */
    public function retryAfter(): float
    {
        return preg_match('/\bretry in ([0-9]{1,4}) s\b/', $this->closeReason, $wish) === 1
            ? (float) $wish[1]
            : 0.0;
    }
}
