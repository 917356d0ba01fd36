<?php

declare(strict_types=1);

namespace Fantail\Drc;

use Fantail\FantailException;

/** The server says no, and why. */
final class RefusedException extends \RuntimeException implements FantailException
{
    /**
     * @param string               $errorCode the server's word for it: access_denied, invalid_to
     * @param array<string, mixed> $reply     all that the server said
     */
    private function __construct(
        string $message,
        public readonly string $errorCode,
        public readonly array $reply,
    ) {
        parent::__construct($message);
    }

    /**
     * @internal
     *
     * @param array<string, mixed> $reply
     */
    public static function of(array $reply): self
    {
        $code = is_string($reply['errorcode'] ?? null) ? $reply['errorcode'] : 'unknown';
        $text = is_string($reply['error'] ?? null) ? $reply['error'] : 'The server says no.';
        return new self("$text ($code)", $code, $reply);
    }

    /** The same, with what it is about in front. */
    public function about(string $what): self
    {
        return new self("$what: {$this->getMessage()}", $this->errorCode, $this->reply);
    }
}
