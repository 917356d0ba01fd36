<?php

declare(strict_types=1);

namespace Fantail\Dsock;

use Fantail\FantailException;

/** The server says no, and why; or what answers is no dSock. */
final class RefusedException extends \RuntimeException implements FantailException
{
    /** The errorCode of an answer that is not one of dSock, such as that of a proxy. */
    public const UNEXPECTED_ANSWER = 'UNEXPECTED_ANSWER';

    /** How much of such an answer is shown, in bytes. */
    private const LONGEST_EXCERPT = 200;

    /**
     * @param string  $errorCode the server's word for it, such as MISSING_TARGET
     * @param int     $status    the HTTP status
     * @param ?string $requestId the name of the call, to find it in logs
     */
    private function __construct(
        string $message,
        public readonly string $errorCode,
        public readonly int $status,
        public readonly ?string $requestId,
    ) {
        parent::__construct($message, $status);
    }

    /** @internal */
    public static function of(Answer $answer): self
    {
        $members = Members::of($answer);
        $code = $members->optionalText('errorCode');
        if ($code === null) {
            return self::unexpected($answer);
        }
        $requestId = $members->optionalText('requestId') ?? $answer->field('X-Request-Id');
        return new self("{$members->text('error')} ($code)", $code, $answer->status, $requestId);
    }

    /** @internal */
    public static function unexpected(Answer $answer): self
    {
        $excerpt = trim(substr($answer->body, 0, self::LONGEST_EXCERPT));
        $isText = $excerpt !== '' && preg_match('/\A[^\x00-\x08\x0e-\x1f]*\z/', $excerpt) === 1;
        $message = "Unexpected answer with status $answer->status" . ($isText ? ": $excerpt" : '.');
        $requestId = $answer->field('X-Request-Id');
        return new self($message, self::UNEXPECTED_ANSWER, $answer->status, $requestId);
    }
}
