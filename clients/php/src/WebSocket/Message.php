<?php

declare(strict_types=1);

namespace Fantail\WebSocket;

/** A whole message: text, which is UTF-8, or bytes. */
final class Message
{
    public function __construct(
        public readonly string $payload,
        public readonly bool $binary = false,
    ) {
    }
}
